import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { checkApp, type FunctionDescription } from "../../lib/azure/app-description.ts";
import { handle } from "../../lib/azure/handle.ts";
import { describeApp, loadApp } from "../../lib/azure/registry.ts";
import { needsOf } from "../../lib/azure/settings.ts";
import { toHub } from "../../lib/sinks/index.ts";
import { stream } from "../../lib/stream/stream.ts";

const folder = (name: string) => fileURLToPath(new URL(name, import.meta.url));

describe("the description of an app", () => {
  it("is refused when the folder is missing, holds no function or a module that fails", async () => {
    await assert.rejects(loadApp(folder("nowhere")), { code: "CONFIGURATION", message: /nowhere cannot be read/ });
    await assert.rejects(loadApp(folder("empty-app")), { code: "CONFIGURATION", message: /registers a pipeline/ });
    await assert.rejects(loadApp(folder("broken-app")), {
      code: "CONFIGURATION",
      message: /broken\.ts cannot be loaded: this module cannot be loaded/,
    });
  });

  it("holds what every function reads and writes", async () => {
    const app = await loadApp(folder("app"));
    const [counts, copies] = app.functions.map(({ place: _, ...rest }) => rest);
    assert.deepEqual(counts, {
      name: "counts",
      pipeline: "counts",
      connection: "EventHubConnection",
      hub: "clicks",
      partitions: 8,
      consumerGroup: "c",
      repairGroup: "c-repair",
      sinks: [
        {
          kind: "cosmos",
          connection: "CosmosConnection",
          database: "site",
          container: "counts",
          partitionKey: ["/page"],
        },
      ],
      tables: [
        {
          name: "pages",
          target: { kind: "cosmos", connection: "CosmosConnection", database: "site", container: "pages" },
        },
      ],
      storageConnection: "TidemarkStorage",
    });
    assert.deepEqual(copies, {
      name: "copies",
      pipeline: "copies",
      connection: "Other",
      hub: "clicks",
      partitions: 4,
      consumerGroup: "copies",
      repairGroup: "copies-repair",
      sinks: [{ kind: "eventHub", connection: "EventHubConnection", eventHub: "copies", partitions: 2 }],
      tables: [],
      storageConnection: "Logs",
    });
    assert.match(app.functions[0]?.place ?? "", /^handle\(counts, …\) at test\/azure\/app\/counts\.ts:\d+$/);
    assert.deepEqual(
      needsOf(app).map(({ service, name }) => `${service}: ${name}`),
      [
        "Event Hubs: EventHubConnection",
        "Blob Storage: TidemarkStorage",
        "Cosmos DB: CosmosConnection",
        "Event Hubs: Other",
        "Blob Storage: Logs",
      ],
    );
  });

  const one: FunctionDescription = {
    name: "one",
    pipeline: "one",
    connection: "Hub",
    hub: "clicks",
    partitions: 4,
    consumerGroup: "one",
    repairGroup: "one-repair",
    sinks: [],
    tables: [],
    storageConnection: "Storage",
    place: "one.ts:1",
  };
  const two = {
    ...one,
    name: "two",
    pipeline: "two",
    consumerGroup: "two",
    repairGroup: "two-repair",
    place: "two.ts:2",
  };
  const written = { kind: "eventHub" as const, connection: "Hub", eventHub: "Clicks", partitions: 8 };
  const conflicts: [string, FunctionDescription, RegExp][] = [
    ["another number of partitions", { ...two, partitions: 8 }, /4 partitions in one\.ts:1 and 8 in two\.ts:2/],
    [
      "a sink with another number",
      { ...two, hub: "b", sinks: [written] },
      /4 partitions in one\.ts:1 and 8 in two\.ts:2/,
    ],
    ["the same consumer group", { ...two, consumerGroup: "ONE" }, /group "ONE": one\.ts:1 and two\.ts:2/],
    [
      "the other's repair group",
      { ...two, consumerGroup: "one-repair" },
      /group "one-repair": one\.ts:1 and two\.ts:2/,
    ],
    ["the same pipeline", { ...two, pipeline: "one" }, /pipeline "one": one\.ts:1 and two\.ts:2/],
  ];
  for (const [what, other, message] of conflicts) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => checkApp([one, other]), { code: "PLAN_INVALID", message });
    });
  }
  it("allows hubs of one name in two namespaces, and one group name on two hubs", () => {
    checkApp([one, { ...two, connection: "Other", partitions: 8, consumerGroup: "one" }]);
    checkApp([one, { ...two, hub: "views", consumerGroup: "one" }]);
  });

  it("does not keep a function that was refused", () => {
    const before = describeApp().functions.length;
    const pipeline = stream("refused", z.object({})).to(toHub({ eventHubName: "out", key: () => "k" }));
    const options: [Parameters<typeof handle>[1], RegExp][] = [
      [{ eventHubName: "" }, /eventHubName of handle\(refused, …\) at test\/azure\/registry\.test\.ts:\d+ is ""/],
      [{ eventHubName: "h", partitions: 1.5 }, /partitions of .* is 1\.5/],
      [{ eventHubName: "h", consumerGroup: "x".repeat(44) }, /at most 43/],
      [
        { eventHubName: "h", limits: { frameBytes: 10, pendingFrames: 0 } },
        /limits of handle\(refused, .*\n- limits\.frameBytes: .*1024\n- limits\.pendingFrames: .*1\n/,
      ],
      [{ eventHubName: "out", partitions: 5 }, /Hub "out" has 5 partitions in .* and 4 in/],
    ];
    for (const [option, message] of options) {
      assert.throws(() => handle(pipeline, option), { code: "PLAN_INVALID", message });
    }
    assert.equal(describeApp().functions.length, before);
  });
});
