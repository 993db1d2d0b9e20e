import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { functionModules } from "./build/bundle.ts";

/**
 * Writes an app folder whose entry imports the functions as they are: no bundling to wait for, and a debugger stops in
 * the sources. Resolves with the folder.
 */
export async function writeLocalApp(appFolder: string, outputFolder: string): Promise<string> {
  const functions = join(appFolder, "functions");
  const modules = await functionModules(functions);
  const imports = modules.map((name) => `import ${JSON.stringify(pathToFileURL(join(functions, name)).href)};\n`);
  await mkdir(outputFolder, { recursive: true });
  await Promise.all([
    writeFile(join(outputFolder, "main.js"), imports.join("")),
    writeFile(join(outputFolder, "package.json"), `${JSON.stringify({ type: "module", main: "main.js" })}\n`),
    copyFile(join(appFolder, "host.json"), join(outputFolder, "host.json")),
  ]);
  return outputFolder;
}
