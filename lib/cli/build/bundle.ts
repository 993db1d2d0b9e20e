import { existsSync } from "node:fs";
import { copyFile, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, TidemarkError } from "../../errors.ts";

/** What CommonJS packages inside an ES module bundle need: a `require` for Node's own modules and for the worker's. */
const REQUIRE_BANNER =
  'import { createRequire as __createRequire } from "node:module";const require = __createRequire(import.meta.url);';

/**
 * Bundles every module of `functions/` into one ES module with its dependencies, and splits off what is imported
 * later. The folder is an app by itself (package.json, host.json). Resolves with the files written; throws CONFIGURATION
 * when there is nothing to bundle or it cannot be bundled.
 */
export async function bundleApp(appFolder: string, outputFolder: string): Promise<string[]> {
  const modules = await functionModules(join(appFolder, "functions"));
  await rm(outputFolder, { recursive: true, force: true });
  const esbuild = await import("esbuild");
  const result = await esbuild
    .build({
      stdin: {
        contents: modules.map((name) => `import "./functions/${name}";`).join("\n"),
        resolveDir: appFolder,
        sourcefile: "main.ts",
        loader: "ts",
      },
      outdir: outputFolder,
      entryNames: "main",
      chunkNames: "chunk-[hash]",
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "node",
      target: "node22",
      // Names stay: stack traces from Azure can be read, and zipped they cost little.
      minifyWhitespace: true,
      minifySyntax: true,
      legalComments: "none",
      banner: { js: REQUIRE_BANNER },
      // The worker provides this module; everything else comes along.
      external: ["@azure/functions-core"],
      metafile: true,
      logLevel: "silent",
    })
    .catch((error: unknown) => {
      throw new TidemarkError("CONFIGURATION", `The functions cannot be bundled: ${messageOf(error)}`, {
        cause: error,
      });
    });
  // Its process would live on beside everything that follows.
  await esbuild.stop();
  const bundled = Object.keys(result.metafile.outputs).map((name) => join(process.cwd(), name));
  return [...bundled, ...(await writeAppFiles(appFolder, outputFolder))];
}

/** Names of the modules of a folder of functions; throws CONFIGURATION when there is none. */
export async function functionModules(folder: string): Promise<string[]> {
  const entries = existsSync(folder) ? await readdir(folder, { withFileTypes: true }) : [];
  const modules = entries.filter((entry) => entry.isFile() && /\.m?ts$/.test(entry.name)).map((entry) => entry.name);
  if (modules.length > 0) return modules.sort();
  throw new TidemarkError("CONFIGURATION", `There are no functions in ${folder}.`, {
    fix: "Run the command in the app's folder.",
  });
}

async function writeAppFiles(appFolder: string, outputFolder: string): Promise<string[]> {
  const manifest = join(outputFolder, "package.json");
  const hostJson = join(outputFolder, "host.json");
  await writeFile(manifest, `${JSON.stringify({ private: true, type: "module", main: "main.js" }, null, 2)}\n`);
  await copyFile(join(appFolder, "host.json"), hostJson);
  return [manifest, hostJson];
}
