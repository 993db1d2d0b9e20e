import { glob, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf } from "../../../errors.ts";

/** Loads every file that `main` of the app's package.json names; throws with the file and what it threw. */
export async function loadApp(appFolder: string): Promise<void> {
  const { main, type } = await readPackage(appFolder);
  if (main === undefined) throw new Error(`package.json in ${appFolder} has no "main", so there is nothing to load.`);
  const files = await entryPoints(appFolder, main);
  if (files.length === 0) throw new Error(`No file matches "main": "${main}" of package.json in ${appFolder}.`);
  const require = createRequire(join(appFolder, "package.json"));
  for (const file of files) {
    try {
      if (isEsModule(file, type)) await import(pathToFileURL(join(appFolder, file)).href);
      else require(join(appFolder, file));
    } catch (error) {
      throw new Error(`Worker was unable to load entry point "${file}": ${describe(error)}`, { cause: error });
    }
  }
}

async function readPackage(appFolder: string): Promise<{ main?: string; type?: string }> {
  try {
    return JSON.parse(await readFile(join(appFolder, "package.json"), "utf8")) as { main?: string; type?: string };
  } catch (error) {
    throw new Error(`package.json of the app can't be read: ${messageOf(error)}`, { cause: error });
  }
}

async function entryPoints(appFolder: string, pattern: string): Promise<string[]> {
  const files = await Array.fromAsync(glob(pattern, { cwd: appFolder, exclude: (name) => name === "node_modules" }));
  return files.sort();
}

function isEsModule(file: string, packageType: string | undefined): boolean {
  if (/\.m[jt]s$/.test(file)) return true;
  if (/\.c[jt]s$/.test(file)) return false;
  return packageType === "module";
}

// The first line of the stack that is not Node's own tells the reader where to look.
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error.stack?.split("\n").find((line) => /^\s+at /.test(line) && !line.includes("node:"));
  return place === undefined ? error.message : `${error.message} (${place.trim()})`;
}
