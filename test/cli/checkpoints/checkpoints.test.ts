import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { BlobServiceClient, type ContainerClient } from "@azure/storage-blob";
import { count } from "../../../lib/aggregates/index.ts";
import { azureBlobs } from "../../../lib/checkpoint/azure-blobs.ts";
import { type BlobCheckpointStore, createCheckpointStore } from "../../../lib/checkpoint/index.ts";
import { startStorage } from "../../../lib/local/storage/index.ts";
import { stream } from "../../../lib/stream/stream.ts";
import { tumbling } from "../../../lib/stream/window.ts";
import { type MemorySink, memorySink } from "../../../lib/testing/memory-sink.ts";
import { onePartition, SIGNAL } from "../../support/one-partition.ts";
import { Reading, reading } from "../../support/pipelines.ts";
import { signedFor } from "../../support/shared-access.ts";

const TIDEMARK = fileURLToPath(new URL("../../../lib/cli/tidemark.mjs", import.meta.url));
const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 1);

interface Listed {
  readonly pipeline: string;
  readonly partition: string;
  readonly state: string;
  readonly generation: number;
  readonly sequence?: number;
  readonly position?: number;
  readonly watermark?: string;
  readonly pendingFrames?: number;
  readonly totals?: object;
  readonly changed: string;
  readonly blobs?: readonly { readonly name: string; readonly bytes: number }[];
}

describe("tidemark checkpoints, on Azurite", () => {
  let storage: Awaited<ReturnType<typeof startStorage>>;
  let container: ContainerClient;
  const { world, hub, open, send } = onePartition();
  let checkpoints: BlobCheckpointStore;
  const results: MemorySink<{ readings: number; windowStart: string }> = memorySink();

  before(async () => {
    storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
    container = BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient("tidemark");
    checkpoints = createCheckpointStore({ blobs: azureBlobs(container), world });
  });
  after(() => storage?.stop());

  const pipeline = (name: string) =>
    stream(name, Reading)
      .eventTime((event) => event.at, { outOfOrder: 0 })
      .filter("check", (event) => {
        if (event.value < 0) throw new Error("below zero");
        return true;
      })
      .keyBy(() => "all")
      .window(tumbling("10m"))
      .aggregate("stats", { readings: count() })
      .to(results);

  const task = (partition: string, name = "readings") => open(pipeline(name), { checkpoints, partition });

  async function tidemark(args: readonly string[], settings: Record<string, string> = {}) {
    const env = { ...process.env, TidemarkStorage: storage.connectionString, NO_COLOR: "1", ...settings };
    const child = spawn(process.execPath, [TIDEMARK, "checkpoints", ...args], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = new Promise<number>((resolve) => child.on("close", (code) => resolve(code ?? -1)));
    const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
    return { code, out, err };
  }

  const list = async (...args: string[]) => JSON.parse((await tidemark(["list", "--json", ...args])).out) as Listed[];

  it("says what is wrong with its arguments, all at once, and how to give it a connection", async () => {
    const wrong = await tidemark(["reset", "--ye", "--connection="]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /no option --ye: did you mean --yes\?.*--connection needs a value.*reset needs a pipeline/);
    const more = await tidemark(["burn", "readings", "one", "two", "--yes"]);
    assert.match(more.err, /no "checkpoints burn".*"one" is no partition.*too much: "two"\. Only reset takes --yes/);
    const alone = await tidemark(["list", "--settings", "no-such-file.json"], { TidemarkStorage: "" });
    assert.match(alone.err, /TidemarkStorage is not set, and tidemark checkpoints needs it\. Set it to a connection/);
    assert.match((await tidemark(["--help"])).out, /checkpoints reset PIPELINE \[PARTITION\]/);
  });

  it("says that there are none, and names those that there are", async () => {
    assert.equal((await tidemark(["list"])).out, "There are none.\n");
    assert.match((await tidemark(["show", "readings"])).err, /There are none at all in this storage account/);
    await container.createIfNotExists();
    send(reading(START), reading(START + 1, -1), reading(START + 11 * MINUTE), reading(START + 2));
    for (const partition of ["0", "2", "10"]) await task(partition).catchUp(SIGNAL);
    assert.match((await tidemark(["show", "reading"])).err, /There is one of "readings"\. Did you mean "readings"\?/);
    assert.match(
      (await tidemark(["reset", "readings", "1"])).err,
      /no checkpoint log for partition 1\..*for 0, 2, 10\./,
    );
  });

  it("lists how far tasks have come, as a table that fits the terminal and as JSON", async () => {
    const [first, ...others] = await list("readings");
    assert.deepEqual(
      others.map(({ partition }) => partition),
      ["2", "10"],
    );
    const { changed, ...known } = first as Listed;
    assert.ok(Math.abs(Date.parse(changed) - Date.now()) < 10 * MINUTE);
    assert.deepEqual(
      [known.state, known.generation, known.sequence, known.position, known.watermark, known.pendingFrames],
      ["present", 1, 2, 4, "2026-01-01T00:11:00Z", 1],
    );
    assert.deepEqual(known.totals, { events: 4, late: 1, deadLetters: 1, lost: 0 });
    const { out } = await tidemark(["list"]);
    const lines = out.split("\n");
    assert.ok(
      lines.every((line) => line.length <= 80),
      out,
    );
    assert.match(lines[1] as string, /PART +GEN +SEQUENCE +POSITION +WATERMARK +UNCONF +EVENTS +LATE +DEAD +AGE/);
    assert.match(lines[2] as string, /^ +0 +1 +2 +4 +2026-01-01T00:11:00Z +1 +4 +1 +1 +\d+[sm]$/);
  });

  it("does not take what it must not read for a log that is unreadable", async () => {
    const connection = signedFor(storage.connectionString, "l", 10 * MINUTE);
    const { code, out, err } = await tidemark(["list", "--connection", connection]);
    assert.deepEqual([code, out], [1, ""]);
    assert.match(err, /Blob storage refused read of "checkpoints\/(.|\n)*may read, write and delete blobs/);
  });

  it("shows the ledger stage by stage, and where the log lies", async () => {
    const { out } = await tidemark(["show", "readings", "2"]);
    assert.match(out, /start 0 \+ processed 4 \+ lost 0 \+ holes 0 \+ control 0 = position 4/);
    assert.match(out, /check +4 +3 +0 +0 +0 +1 +0 +3\n/);
    assert.match(out, /below checkpoints\/readings\/2\/ in http.*tidemark\n(.|\n)* log\/0000000001\/0000000001-/);
    assert.ok(
      out.split("\n").every((line) => line.length <= 80 || line.includes("http")),
      out,
    );
    const [log] = JSON.parse((await tidemark(["show", "readings", "2", "--json"])).out) as Listed[];
    assert.ok(log?.blobs?.every(({ name }) => name.startsWith("checkpoints/readings/2/")));
  });

  it("says without --yes what a reset would do, and changes nothing", async () => {
    const earlier = await list();
    const { code, out } = await tidemark(["reset", "readings", "0"]);
    assert.equal(code, 1);
    assert.match(out, /^readings\/0: generation 1, begun at 0, would end at position 4\.\s1 frame is not\sconfirmed\./);
    assert.match(
      out,
      /`from`(.|\n)*fenced by(.|\n)*not across two(.|\n)*\n {2}npx tidemark checkpoints reset readings 0 --yes\n$/,
    );
    assert.ok(
      out.split("\n").every((line) => line.length <= 80),
      out,
    );
    assert.deepEqual(await list(), earlier);
  });

  it("resets a log beside an owner that lives, which is fenced and begins the next generation", async () => {
    const owner = task("0");
    await owner.wake(SIGNAL);
    results.clear();
    const { code, out } = await tidemark(["reset", "readings", "0", "--yes"]);
    assert.equal(code, 0, out);
    assert.equal(
      out,
      "readings/0: generation 1 has ended; generation 3 begins with the next event, wake-up or sweep.\n",
    );
    assert.equal((await list()).find(({ partition }) => partition === "0")?.state, "reset");
    assert.equal(await owner.holds(), false);
    send(reading(START + 12 * MINUTE), reading(START + 21 * MINUTE));
    await owner.handle(hub.from(0, 4), SIGNAL);
    assert.deepEqual(
      results.values.map(({ readings }) => readings),
      [1, 2],
      "all windows from the beginning, by the owner that was fenced",
    );
    const [anew] = await list();
    assert.deepEqual(
      [anew?.generation, anew?.position, anew?.totals],
      [3, 6, { events: 6, late: 1, deadLetters: 1, lost: 0 }],
    );
  });

  it("is done once, however often it is asked, and resets all of a pipeline", async () => {
    const first = await tidemark(["reset", "readings", "--yes"]);
    assert.equal(first.code, 0);
    assert.match(
      first.out,
      /readings\/0: generation 3 has ended; generation 5 (.|\n)*\/2: generation 1(.|\n)*\/10: gen/,
    );
    const { code, out } = await tidemark(["reset", "readings", "--yes"]);
    assert.equal(code, 0);
    assert.match(out, /^readings\/0: was reset before; generation 5 begins with the next event/);
    assert.match((await tidemark(["list"])).out, /partition 10 was reset: generation 3 begins with/);
    await task("0").wake(SIGNAL);
    assert.equal((await checkpoints.peek({ pipeline: "readings", partition: "0" }))?.generation, 5);
  });

  it("lists a log that is damaged among the others, and mends it by a reset", async () => {
    await task("2", "broken").catchUp(SIGNAL);
    const [log] = JSON.parse((await tidemark(["show", "broken", "--json"])).out) as Listed[];
    const segment = log?.blobs?.find(({ name }) => name.includes("/log/"))?.name as string;
    const blob = container.getAppendBlobClient(segment);
    await blob.delete();
    await blob.create();
    await blob.appendBlock("nonsense".repeat(100), 800);
    const damaged = task("2", "broken");
    await assert.rejects(damaged.wake(SIGNAL), /reset the task's log \(`npx tidemark checkpoints reset broken 2`\)/);
    assert.match((await tidemark(["list"])).out, /partition 2 is unreadable: .*damaged(.|\n)*readings/);
    const { code, out } = await tidemark(["reset", "broken", "2", "--yes"]);
    assert.deepEqual([code, out.slice(0, 36)], [0, "broken/2: generation 1 has ended; ge"]);
    await damaged.wake(SIGNAL);
    assert.equal((await list("broken"))[0]?.position, 6);
  });
});
