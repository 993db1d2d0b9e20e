import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { EventHubProducerClient } from "@azure/event-hubs";
import { InvocationContext } from "@azure/functions";
import { BlobServiceClient, type ContainerClient } from "@azure/storage-blob";
import { openCheckpoints } from "../../../lib/azure/checkpoints.ts";
import { AzureConnections } from "../../../lib/azure/connections.ts";
import { describeApp, loadApp } from "../../../lib/azure/registry.ts";
import { type RunnableFunction, Runtime, runtime } from "../../../lib/azure/runtime.ts";
import { needsOf, readSettings } from "../../../lib/azure/settings.ts";
import { TIMING } from "../../../lib/azure/timing.ts";
import { realWorld } from "../../../lib/azure/world.ts";
import { azureBlobs } from "../../../lib/checkpoint/azure-blobs.ts";
import { createCheckpointStore } from "../../../lib/checkpoint/index.ts";
import { type CosmosServer, startCosmosServer } from "../../../lib/local/cosmos/index.ts";
import { type HubServer, startHubServer } from "../../../lib/local/hub/index.ts";
import { startStorage } from "../../../lib/local/storage/index.ts";
import { refused } from "./app/orders.ts";

const START = Date.UTC(2026, 0, 1);
const SECOND = 1_000;
const FUNCTIONS = fileURLToPath(new URL("app", import.meta.url));
const TIDEMARK = fileURLToPath(new URL("../../../lib/cli/tidemark.mjs", import.meta.url));

interface Listed {
  readonly id: string;
  readonly kind: string;
  readonly stage: string;
  readonly reason: string;
  readonly text: string;
  readonly redrivenAt?: string;
}

interface Redriven {
  readonly published: number;
  readonly again: number;
  readonly late: number;
  readonly impossible: number;
  readonly records: readonly { readonly id: string; readonly fate: string; readonly because?: string }[];
}

describe("tidemark dead-letters, on the local services", () => {
  let hub: HubServer;
  let database: CosmosServer;
  let storage: Awaited<ReturnType<typeof startStorage>>;
  let container: ContainerClient;
  let environment: Record<string, string>;
  let connections: AzureConnections;
  let producer: EventHubProducerClient;
  let worker: Runtime;

  before(async () => {
    hub = await startHubServer({
      port: 0,
      hubs: [{ name: "orders", partitions: 2, consumerGroups: ["orders-repair"] }],
    });
    database = await startCosmosServer({ port: 0 });
    database.ensureContainer("test", "orders", ["/shop"]);
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    environment = {
      EventHubConnection: hub.connectionString,
      CosmosConnection: database.connectionString,
      TidemarkStorage: storage.connectionString,
    };
    await loadApp(FUNCTIONS);
    connections = new AzureConnections(readSettings(needsOf(describeApp()), environment));
    container = BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient("tidemark");
    producer = new EventHubProducerClient(hub.connectionString, "orders");
    worker = new Runtime(environment, realWorld, { ...TIMING, patience: 0 });
    worker.add(runtime.functions[0] as RunnableFunction);
  });
  after(async () => {
    await worker?.drain(1_000);
    await Promise.all([connections?.close(), producer?.close()]);
    await Promise.all([hub?.stop(), database?.stop(), storage?.stop()]);
  });

  /** Publishes bodies to partition 1 and lets the pipeline process all that is there. */
  async function publish(...bodies: unknown[]): Promise<void> {
    const events = bodies.map((body) => ({
      body: Buffer.from(typeof body === "string" ? body : JSON.stringify(body)),
    }));
    await producer.sendBatch(
      events.map((event) => ({ ...event, properties: { origin: "till 7" } })),
      { partitionId: "1" },
    );
    await work();
  }

  const work = () => worker.sweep(new InvocationContext({ functionName: "sweep", logHandler: () => {} }));
  const order = (id: string, seconds: number) => ({ id, at: START + seconds * SECOND, shop: "corner" });

  async function counts(): Promise<number[]> {
    const items = (await connections.cosmos("CosmosConnection")).database("test").container("orders").items;
    const { resources } = await items.query<{ orders: number; windowStart: string }>("SELECT * FROM c").fetchAll();
    return resources.sort((a, b) => a.windowStart.localeCompare(b.windowStart)).map((document) => document.orders);
  }

  async function duplicates(): Promise<number | undefined> {
    const logs = await openCheckpoints(connections, "TidemarkStorage", realWorld);
    return (await logs.peek({ pipeline: "orders", partition: "1" }))?.ledger?.stages[0]?.duplicate;
  }

  /** Runs the command; what is no text are settings that it has in place of the right ones. */
  async function tidemark(...args: (string | Record<string, string>)[]) {
    const words = args.filter((one) => typeof one === "string");
    const settings = args.filter((one) => typeof one !== "string");
    const child = spawn(process.execPath, [TIDEMARK, "dead-letters", ...words], {
      env: { ...process.env, ...Object.assign({}, environment, ...settings), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? -1)));
    const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, out, err };
  }

  const list = async (...args: string[]) => JSON.parse((await tidemark("list", "--json", ...args)).out) as Listed[];

  async function redrive(...args: string[]): Promise<Redriven & { code: number }> {
    const { out, err, code } = await tidemark("redrive", "--json", "--functions", FUNCTIONS, ...args);
    assert.ok(out.startsWith("{"), err);
    return { ...(JSON.parse(out) as Redriven), code };
  }

  it("says that there are none, and where nothing is selected", async () => {
    assert.equal((await tidemark("list")).out, "There are none.\n");
    assert.match((await tidemark("show", "orders/1/1")).err, /no record orders\/1\/1/);
    assert.match((await tidemark("show", "nonsense")).err, /"nonsense" is no id/);
    assert.match((await tidemark("redrive")).err, /needs --pipeline or ids/);
    assert.match((await tidemark("redrive", "--pipeline", "orders", "--late", "no")).err, /refuse or update or side-/);
    assert.match((await tidemark("burn")).err, /list or show or redrive/);
  });

  it("lists what was refused, and shows all of a record", async () => {
    await publish(order("a", 0), order("bad", 10), "no JSON", order("c", 30));
    const records = await list("--pipeline", "orders", "--kind", "dead-letter");
    assert.deepEqual(
      records.map(({ id, kind, stage, reason }) => [id, kind, stage, reason.slice(0, 22)]),
      [
        ["orders/1/2", "dead-letter", "source", "the body is not JSON: "],
        ["orders/1/1", "dead-letter", "check", "order bad is beyond me"],
      ],
    );
    assert.deepEqual(await list("--pipeline", "other"), []);
    assert.deepEqual(await list("--kind", "late"), []);
    const { out: table } = await tidemark("list");
    assert.match(table, /1 {2}orders: dead-letter in "check"/);
    assert.match(table, /orders\/1\/1 +dead-letter +check +2026-01-01 00:00:10 +order bad is beyond me/);
    const { out: cut } = await tidemark("list", "--limit", "1");
    assert.match(
      cut,
      /1 {2}orders: dead-letter in "check", lately: order bad is beyond me(.|\n)*orders\/1\/2 (.|\n)*1 older/,
    );
    assert.doesNotMatch(cut, /orders\/1\/1/);
    const { out } = await tidemark("show", "orders/1/1");
    assert.match(out, /reason +order bad is beyond me(.|\n)*"origin":"till 7"(.|\n)*at .*orders\.ts(.|\n)*"id":"bad"/);
  });

  it("names what refuses it, and says what to check", async () => {
    const otherKey = (connection: string) => connection.replace(/(Key=)[^;]+/, "$1bm9uZQ==");
    const storage = await tidemark("list", "--connection", otherKey(environment.TidemarkStorage as string));
    assert.equal(storage.code, 1);
    assert.match(
      storage.err,
      /Blob storage refused list of "dead-letters\/"(.|\n)*Check the key of the connection string/,
    );
    const { EventHubConnection } = environment;
    const hub = await tidemark("redrive", "orders/1/1", "--functions", FUNCTIONS, {
      EventHubConnection: otherKey(EventHubConnection as string),
    });
    assert.deepEqual([hub.code, hub.out], [1, ""]);
    assert.match(hub.err, /Hub "orders" refuses the app.*partition 1\).*Check the key of the connection string/);
  });

  it("does nothing in a dry run", async () => {
    const { code, published } = await redrive("--pipeline", "orders", "--dry-run");
    assert.deepEqual([code, published], [0, 2]);
    assert.ok((await list()).every(({ redrivenAt }) => redrivenAt === undefined));
  });

  it("puts events back through their pipeline, with all that they had", async () => {
    refused.clear();
    const { code, published } = await redrive("--pipeline", "orders");
    assert.deepEqual([code, published], [0, 2]);
    await work();
    // What still cannot be read is a dead letter anew, under the number that it has now.
    const records = await list();
    assert.deepEqual(
      records.map(({ id, text, redrivenAt }) => [id, text, redrivenAt !== undefined]),
      [
        ["orders/1/5", "no JSON", false],
        ["orders/1/2", "no JSON", true],
        ["orders/1/1", JSON.stringify(order("bad", 10)), true],
      ],
    );
    const { out } = await tidemark("show", "orders/1/5");
    assert.match(out, /"origin":"till 7"/);
    assert.match(out, /"tidemark-redrive":"2"/);
    await publish(order("next", 90));
    assert.deepEqual(await counts(), [3], "a, bad and c");
  });

  it("redrives once, however often it is asked, also when it forgot that it did", async () => {
    const again = await redrive("orders/1/1", "orders/1/2");
    assert.deepEqual([again.code, again.published, again.again], [0, 0, 2]);
    for await (const { name } of container.listBlobsFlat({ prefix: "redriven/" })) await container.deleteBlob(name);
    assert.equal((await redrive("orders/1/1", "orders/1/2")).published, 2);
    await work();
    assert.equal(await duplicates(), 2);
    assert.deepEqual(await counts(), [3]);
    assert.equal((await list()).length, 3);
  });

  it("refuses what is late by now, or sends it to the late events again, as asked", async () => {
    refused.add("bad-too");
    await publish(order("bad-too", 20), order("far", 600), order("late", 25));
    refused.clear();
    const [late, bad] = await list();
    assert.deepEqual([late?.kind, bad?.reason], ["late", "order bad-too is beyond me"]);
    const both = [late?.id as string, bad?.id as string];
    const kept = await redrive(...both);
    assert.deepEqual([kept.code, kept.published, kept.late], [1, 0, 2]);
    for (const { because } of kept.records) assert.match(String(because), /ended at 2026-01-01T00:01:00\.000Z and/);
    assert.equal((await redrive(...both, "--late", "side-output")).published, 2);
    await work();
    assert.equal((await list("--kind", "late")).length, 3, "the two came late once more");
    assert.deepEqual((await counts())[0], 3, "and changed nothing");
  });

  it("updates a closed window that is kept, once, and refuses where it is kept no more", async () => {
    const late = (await list("--kind", "late")).slice(0, 2).map(({ id }) => id);
    const updated = await redrive(...late, "--late", "update");
    assert.deepEqual([updated.code, updated.published], [0, 2]);
    await work();
    assert.equal((await counts())[0], 5, "a, bad, c, and the two that came late");
    for await (const { name } of container.listBlobsFlat({ prefix: "redriven/" })) await container.deleteBlob(name);
    assert.equal((await redrive(...late, "--late", "update")).published, 2);
    await work();
    assert.equal((await counts())[0], 5, "redriven twice is redriven once");
    await publish(order("much-later", 3_600), order("late-again", 30));
    const [last] = await list("--kind", "late");
    const refused = await redrive(last?.id as string, "--late", "update");
    assert.deepEqual([refused.code, refused.published, refused.late], [1, 0, 1]);
    assert.match(
      String(refused.records[0]?.because),
      /"stats" ended at .* and is not kept, since its \{ keep: "30m" \}/,
    );
  });

  it("leaves to the replay what was refused before a reset: it would count twice, or be skipped", async () => {
    refused.add("of-before");
    await publish(order("of-before", 3_610), order("beside-it", 3_620));
    refused.clear();
    const [record] = await list("--kind", "dead-letter");
    assert.equal(record?.reason, "order of-before is beyond me");
    const id = record?.id as string;
    const blobs = azureBlobs(container);
    await createCheckpointStore({ blobs, world: realWorld }).reset({ pipeline: "orders", partition: "1" });
    const early = await redrive(id);
    assert.deepEqual([early.code, early.published, early.impossible], [1, 0, 1]);
    assert.match(String(early.records[0]?.because), /log was reset and has not begun anew/);
    await work();
    const late = await redrive(id);
    assert.deepEqual([late.code, late.published, late.impossible], [1, 0, 1]);
    assert.match(String(late.records[0]?.because), /log was reset since, and what followed has read the event itself/);
    await publish(order("end", 7_200));
    assert.equal((await counts()).at(-1), 3, "much-later, of-before and beside-it");
  });
});
