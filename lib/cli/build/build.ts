import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { deflateRawSync } from "node:zlib";
import { bundleApp } from "./bundle.ts";

/** Bundles the app of the working folder into dist/ and says how large it came out. */
export async function build(): Promise<number> {
  const appFolder = process.cwd();
  const started = performance.now();
  const files = await bundleApp(appFolder, join(appFolder, "dist"));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  const zipped = await Promise.all(files.map(async (file) => deflateRawSync(await readFile(file)).length));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(
    `dist/: ${files.length} files, ${kilobytes(sizes)} (${kilobytes(zipped)} zipped), in ${seconds} s.\n`,
  );
  return 0;
}

function kilobytes(sizes: readonly number[]): string {
  return `${Math.round(sizes.reduce((sum, size) => sum + size, 0) / 1024)} KB`;
}
