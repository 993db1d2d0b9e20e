import assert from "node:assert/strict";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, test } from "node:test";
import { deflateRawSync } from "node:zlib";
import { bundleApp } from "../../lib/cli/build/bundle.ts";
import { writeLocalApp } from "../../lib/cli/local-app.ts";
import { declarationsOf } from "../../lib/cli/services/declarations.ts";
import { type Services, startServices } from "../../lib/cli/services/start-services.ts";
import { startFunctionsHost } from "../../lib/local/host/index.ts";
import { ROOT } from "./app-folder.ts";
import { readFuncIgnore } from "./func-ignore.ts";

const MAX_ZIPPED_BYTES = 1024 * 1024;
/** Large, and never part of an upload; walking them would only take time. */
const SKIPPED = new Set(["node_modules", ".git", ".tidemark"]);

/** Three functions, four partitions each. */
const TRIGGER_PARTITIONS = 12;

let folder: string;
let services: Services;
/** What the functions register when nothing is bundled. */
let fromSources: string[];

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "tidemark-test-"));
  await bundleApp(ROOT, join(folder, "tree", "dist"));
  const declared = declarationsOf(ROOT);
  services = await startServices({ folder: join(folder, "data"), ports: "free", declared });
  fromSources = await functionsOf(await writeLocalApp(ROOT, join(folder, "app")));
  for (const name of ["delays", "legs", "routes"]) assert.ok(fromSources.includes(name), name);
});

after(async () => {
  await services.stop();
  await rm(folder, { recursive: true, force: true });
});

async function filesOf(root: string, path = root): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true });
  const found = entries
    .filter((entry) => !SKIPPED.has(entry.name))
    .map(async (entry) => {
      const full = join(path, entry.name);
      return entry.isDirectory() ? filesOf(root, full) : [relative(root, full)];
    });
  return (await Promise.all(found)).flat();
}

/** Loads an app folder in the host, waits until its triggers read every partition, and says which functions it has. */
async function functionsOf(appFolder: string): Promise<string[]> {
  const reading = Promise.withResolvers<void>();
  let partitions = 0;
  const host = await startFunctionsHost({
    appFolder,
    settings: { ...services.settings },
    httpPort: 0,
    onEvent: ({ kind }) => {
      if (kind === "partition-opened" && ++partitions === TRIGGER_PARTITIONS) reading.resolve();
    },
  });
  try {
    await reading.promise;
    return host
      .functions()
      .map(({ name }) => name)
      .sort();
  } finally {
    await host.stop({ timeoutMs: 1000 });
  }
}

test("`func azure functionapp publish` uploads the bundle, host.json and package.json, and they are an app", async () => {
  const tree = join(folder, "tree");
  const accepts = readFuncIgnore(await readFile(join(ROOT, ".funcignore"), "utf8"));
  for (const path of (await filesOf(ROOT)).filter((one) => !one.startsWith("dist/"))) {
    await cp(join(ROOT, path), join(tree, path));
  }
  const uploaded = (await filesOf(tree)).filter(accepts);
  const outsideDist = uploaded.filter((path) => !path.startsWith("dist/")).sort();
  assert.deepEqual(outsideDist, ["host.json", "package.json"]);

  const target = join(folder, "uploaded");
  let zipped = 0;
  for (const path of uploaded) {
    await cp(join(tree, path), join(target, path));
    zipped += deflateRawSync(await readFile(join(tree, path))).length;
  }
  assert.ok(zipped <= MAX_ZIPPED_BYTES, `${zipped} bytes zipped`);
  assert.deepEqual(await functionsOf(target), fromSources);
});

test("dist is an app by itself, as azd packages it", async () => {
  assert.deepEqual(await functionsOf(join(folder, "tree", "dist")), fromSources);
});

test("there is something to bundle, or a sentence that says so", async () => {
  await assert.rejects(bundleApp(folder, join(folder, "out")), {
    code: "CONFIGURATION",
    message: /There are no functions in /,
  });
});
