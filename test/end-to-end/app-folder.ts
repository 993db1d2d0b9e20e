import { mkdtempSync, symlinkSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
export const LAUNCHER = join(ROOT, "lib/cli/tidemark.mjs");

/** A working folder with this project's functions and no data, so that a test neither finds nor leaves any. */
export function temporaryAppFolder(): { readonly path: string; remove(): Promise<void> } {
  const path = mkdtempSync(join(tmpdir(), "tidemark-test-"));
  for (const name of ["functions", "host.json", "package.json"]) symlinkSync(join(ROOT, name), join(path, name));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
