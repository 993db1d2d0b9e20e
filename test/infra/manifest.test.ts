import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, test } from "node:test";
import { app as functionApp } from "@azure/functions";
import type { AppDescription, FunctionDescription } from "../../lib/azure/app-description.ts";
import { loadApp } from "../../lib/azure/registry.ts";
import { deriveManifest } from "../../lib/cli/infra/derive.ts";
import { runInfra } from "../../lib/cli/infra/index.ts";
import { manifestSchema } from "../../lib/cli/infra/manifest.ts";
import { formatManifest, writeManifest } from "../../lib/cli/infra/write.ts";
import { INFRA } from "./environments.ts";

const FUNCTIONS = resolve(import.meta.dirname, "../../functions");

type Sink = FunctionDescription["sinks"][number];

function fn(name: string, more: Partial<FunctionDescription> = {}): FunctionDescription {
  return {
    name,
    pipeline: name,
    connection: "EventHubConnection",
    hub: "orders",
    partitions: 4,
    consumerGroup: name,
    repairGroup: `${name}-repair`,
    sinks: [],
    tables: [],
    storageConnection: "TidemarkStorage",
    place: `functions/${name}.ts:1`,
    ...more,
  };
}

const app = (...functions: FunctionDescription[]): AppDescription => ({ functions, queues: [], timers: [] });
const WAKERS: Pick<AppDescription, "queues" | "timers"> = {
  queues: [{ name: "wake", connection: "Wakers", purpose: "wake-ups", place: "functions/wakers.ts:1" }],
  timers: [{ purpose: "sweep", schedule: "0 */5 * * * *", place: "functions/wakers.ts:2" }],
};
const waking = (changed: Partial<AppDescription> = {}): AppDescription => ({ ...app(fn("a")), ...WAKERS, ...changed });
const documents = (container: string, partitionKey: readonly string[] = ["/id"]): Sink => {
  return { kind: "cosmos", connection: "CosmosConnection", database: "shop", container, partitionKey };
};
const messages = (eventHub: string, partitions = 4, connection = "EventHubConnection"): Sink => {
  return { kind: "eventHub", connection, eventHub, partitions };
};

describe("the manifest", () => {
  test("in the repository is that of today's functions, and calls them as they do", async (context) => {
    const names: unknown[] = [];
    for (const kind of ["eventHub", "storageQueue", "timer"] as const) {
      context.mock.method(functionApp, kind, (name: string) => void names.push(name));
    }
    const manifest = deriveManifest(await loadApp(FUNCTIONS));
    assert.deepEqual(manifest.functions.map(({ name }) => name).sort(), names.sort());
    const fresh = formatManifest(manifest);
    const stored = await readFile(join(INFRA, "manifest.json"), "utf8");
    // Where a function was declared is no part of it, so moving one changes nothing.
    assert.equal(stored, fresh, "infra/manifest.json is stale: run `npm run infra`");
  });

  test("names hubs with their readers and writers", () => {
    const { hubs } = deriveManifest(
      app(fn("a", { sinks: [messages("totals", 8)] }), fn("b", { hub: "totals", partitions: 8 })),
    );
    const seen = hubs.map(({ name, partitions, consumerGroups, read, written }) => [
      name,
      partitions,
      consumerGroups,
      read,
      written,
    ]);
    assert.deepEqual(seen, [
      ["orders", 4, ["a", "a-repair"], true, false],
      ["totals", 8, ["b", "b-repair"], true, true],
    ]);
  });

  test("asks for each right once, at the narrowest place", () => {
    const { roles } = deriveManifest(
      app(
        fn("a", { sinks: [documents("sums"), messages("out")] }),
        fn("b", {
          sinks: [
            documents("sums"),
            { kind: "blob", connection: "TidemarkStorage", container: "results", prefix: "b" },
          ],
          tables: [
            { name: "t", target: { kind: "blob", connection: "TidemarkStorage", container: "tables", blob: "t.csv" } },
            {
              name: "u",
              target: { kind: "cosmos", connection: "CosmosConnection", database: "shop", container: "users" },
            },
          ],
        }),
      ),
    );
    assert.deepEqual(
      roles.map(({ scope, resource, role }) => `${scope} ${resource} ${role}`),
      [
        "hub orders receive",
        "hub out send",
        "blobContainer results write",
        "blobContainer tables read",
        "blobContainer tidemark write",
        "cosmosContainer shop/sums write",
        "cosmosContainer shop/users read",
      ],
    );
  });

  test("has the queue of wake-ups, the one for its poison, and what reads them", () => {
    const { functions, queues, roles, settings } = deriveManifest(waking());
    assert.deepEqual(functions.slice(1), [
      { name: "wake-ups", trigger: "queue", queue: "wake" },
      { name: "sweep", trigger: "timer", schedule: "0 */5 * * * *" },
    ]);
    assert.deepEqual(queues, [
      { name: "wake", connection: "Wakers", purpose: "wake-ups" },
      { name: "wake-poison", connection: "Wakers", purpose: "poison" },
    ]);
    assert.deepEqual(
      roles.filter(({ scope }) => scope === "queue").map(({ resource, role }) => `${resource} ${role}`),
      ["wake write", "wake-poison write"],
    );
    const names = settings.map(({ name }) => name).filter((name) => name.startsWith("Wakers"));
    assert.deepEqual(names, ["Wakers__clientId", "Wakers__credential", "Wakers__queueServiceUri"]);
  });

  test("does not depend on the order of functions", () => {
    const [a, b] = [fn("a", { sinks: [documents("x")] }), fn("b", { sinks: [documents("y"), messages("z")] })];
    assert.deepEqual(deriveManifest(app(a, b)), deriveManifest(app(b, a)));
  });

  test("lets dead letters and late events expire, and nothing else", () => {
    const { blobContainers } = deriveManifest(app(fn("a")));
    assert.deepEqual(
      blobContainers.map(({ name, expiringFolders }) => [name, expiringFolders]),
      [["tidemark", ["dead-letters/", "late/"]]],
    );
  });
});

const REFUSED: readonly (readonly [what: string, made: AppDescription, expected: RegExp])[] = [
  [
    "hubs whose names clash",
    app(fn("a"), fn("b", { hub: "Orders" })),
    /"orders" .*functions\/a\.ts:1 .*"Orders" .*functions\/b\.ts:1 clash/,
  ],
  [
    "a hub under two connections",
    app(fn("a"), fn("b", { connection: "Other" })),
    /functions\/a\.ts:1 .*functions\/b\.ts:1 clash/,
  ],
  [
    "a hub that two pipelines declare differently",
    app(fn("a"), fn("b", { partitions: 8 })),
    /4 partitions in functions\/a\.ts:1 and 8 in functions\/b\.ts:1/,
  ],
  [
    "a hub that its writer declares differently",
    app(fn("a", { sinks: [messages("orders", 2)] })),
    /4 partitions in .* and 2 in/,
  ],
  [
    "one consumer group for two functions",
    app(fn("a"), fn("b", { consumerGroup: "a" })),
    /functions\/a\.ts:1 and functions\/b\.ts:1/,
  ],
  [
    "two keys for one container",
    app(fn("a", { sinks: [documents("x", ["/a"])] }), fn("b", { sinks: [documents("x", ["/b"])] })),
    /"shop\/x" is keyed by \/a in functions\/a\.ts:1 and by \/b in functions\/b\.ts:1/,
  ],
  [
    "a container's name that Cosmos DB refuses",
    app(fn("a", { sinks: [documents("sums/hourly")] })),
    /"sums\/hourly" \(functions\/a\.ts:1\): Cosmos DB names/,
  ],
  [
    "a container's name that storage refuses",
    app(
      fn("a", {
        tables: [{ name: "t", target: { kind: "blob", connection: "S", container: "My_Tables", blob: "t" } }],
      }),
    ),
    /"My_Tables" \(functions\/a\.ts:1\): blob containers/,
  ],
  [
    "a hub's name that Event Hubs refuses",
    app(fn("a", { sinks: [messages("out!")] })),
    /"out!" \(functions\/a\.ts:1\): a hub is named/,
  ],
  [
    "a queue's name that storage refuses",
    waking({ queues: WAKERS.queues.map((one) => ({ ...one, name: "Wake_Ups" })) }),
    /"Wake_Ups" \(functions\/wakers\.ts:1\): blob containers and queues/,
  ],
  [
    "a queue's name with no room for its poison",
    waking({ queues: WAKERS.queues.map((one) => ({ ...one, name: "q".repeat(57) })) }),
    /blob containers and queues are named with 3–63/,
  ],
  [
    "two functions for wake-ups",
    waking({ queues: [...WAKERS.queues, ...WAKERS.queues.map((one) => ({ ...one, place: "other.ts:9" }))] }),
    /two functions for wake-ups: functions\/wakers\.ts:1 and other\.ts:9/,
  ],
  [
    "a pipeline that is called like what wakes it",
    waking({ functions: [fn("sweep")] }),
    /Two functions are called "sweep": functions\/sweep\.ts:1 and functions\/wakers\.ts:2/,
  ],
  [
    "a group's name that is too long",
    app(fn("a", { consumerGroup: "g".repeat(51) })),
    /a consumer group is named with 1–50/,
  ],
];

describe("what cannot be deployed is refused with both places:", () => {
  for (const [what, made, expected] of REFUSED) {
    test(what, () => assert.throws(() => deriveManifest(made), { code: "PLAN_INVALID", message: expected }));
  }
});

describe("writing the manifest", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tidemark-infra-"));
  });
  after(() => rm(folder, { recursive: true }));

  test("tells what was added and dropped, and writes only what changed", async () => {
    const file = join(folder, "one.json");
    const first = await writeManifest(app(fn("a"), fn("b", { hub: "other" })), file);
    assert.equal(first.changed, true);
    assert.equal((await writeManifest(app(fn("b", { hub: "other" }), fn("a")), file)).changed, false);
    const third = await writeManifest(app(fn("a", { sinks: [documents("x")] })), file);
    assert.deepEqual(third.added, ["Cosmos DB container shop/x"]);
    assert.deepEqual(third.dropped, [
      "function b",
      "hub other",
      "consumer group other/b",
      "consumer group other/b-repair",
    ]);
    assert.deepEqual(manifestSchema.parse(JSON.parse(await readFile(file, "utf8"))), third.manifest);
  });

  test("refuses fewer partitions than before and keeps the file", async () => {
    const file = join(folder, "two.json");
    await writeManifest(app(fn("a", { partitions: 8 })), file);
    const text = await readFile(file, "utf8");
    await assert.rejects(writeManifest(app(fn("a")), file), {
      code: "PLAN_INVALID",
      message: /"orders" has 8 partitions in .*two\.json and 4 in functions\/a\.ts:1/,
    });
    assert.equal(await readFile(file, "utf8"), text);
    assert.equal((await writeManifest(app(fn("a", { partitions: 16 })), file)).changed, true);
  });

  test("begins anew over a file that is no manifest", async () => {
    const file = join(folder, "three.json");
    await writeFile(file, "{}");
    assert.equal((await writeManifest(app(fn("a")), file)).changed, true);
  });
});

describe("the command", () => {
  test("finds nothing against either environment", async () => {
    assert.equal(await runInfra(["--check", "dev", "--infra", INFRA]), 0);
    assert.equal(await runInfra(["--check", "prod", "--infra", INFRA]), 0);
  });

  test("says in one sentence what it does not understand", async () => {
    await assert.rejects(
      runInfra(["--check", "test"]),
      /There is no environment "test"\. Write --check dev or --check prod\./,
    );
    await assert.rejects(runInfra(["--chek"]), { code: "CONFIGURATION" });
    await assert.rejects(runInfra(["--check", "dev", "--infra", "/nowhere"]), { code: "NOT_FOUND" });
  });
});
