import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const ROOT = resolve(import.meta.dirname, "../..");

/** Compiles modules against the project's own sources and returns the compiler's errors by module name. */
export async function compile(modules: Readonly<Record<string, string>>): Promise<Map<string, string[]>> {
  const folder = await mkdtemp(join(tmpdir(), "tidemark-compile-"));
  try {
    for (const [name, text] of Object.entries(modules)) await writeFile(join(folder, `${name}.ts`), text);
    await symlink(join(ROOT, "node_modules"), join(folder, "node_modules"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    await writeFile(join(folder, "tsconfig.json"), JSON.stringify(settings()));
    const errors = errorsByModule(await runCompiler(folder));
    // The library's own errors are the type check's business.
    return new Map([...errors].filter(([name]) => Object.hasOwn(modules, name)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function settings(): unknown {
  return {
    extends: join(ROOT, "tsconfig.json"),
    compilerOptions: {
      typeRoots: [join(ROOT, "node_modules/@types")],
      noUnusedLocals: false,
      noUnusedParameters: false,
      paths: {
        tidemark: [join(ROOT, "lib/index.ts")],
        "tidemark/testing": [join(ROOT, "lib/testing/index.ts")],
      },
    },
    include: ["*.ts"],
  };
}

async function runCompiler(folder: string): Promise<string> {
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [tsc, "-p", folder, "--pretty", "false"]);
    return stdout;
  } catch (thrown) {
    return (thrown as { stdout: string }).stdout;
  }
}

function errorsByModule(output: string): Map<string, string[]> {
  const errors = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of output.split("\n")) {
    const start = /^([^\s(][^(]*?)\.ts\(\d+,\d+\): error (.*)$/.exec(line);
    if (start) {
      const module = (start[1] as string).split("/").at(-1) as string;
      current = errors.get(module) ?? [];
      errors.set(module, current);
      current.push(start[2] as string);
    } else if (line.startsWith(" ") && current.length > 0) {
      current[current.length - 1] += `\n${line}`;
    }
  }
  return errors;
}
