import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { BlobServiceClient } from "@azure/storage-blob";
import { END_OF_TIME, NO_WATERMARK } from "../../lib/engine/frame.ts";
import type { SideRecord } from "../../lib/engine/side-record.ts";
import { type Storage, startStorage } from "../../lib/local/storage/index.ts";
import { sideRecordLine } from "../../lib/sinks/side-output/line.ts";
import { sideBlobName, sideOutput } from "../../lib/sinks/side-output.ts";
import { sinkConformance } from "./conformance.ts";
import { localConnections, Owner } from "./support.ts";

const FREE_PORTS = { blobPort: 0, queuePort: 0, tablePort: 0 };
let storage: Storage;
let connections: ReturnType<typeof localConnections>;

before(async () => {
  storage = await startStorage(FREE_PORTS);
  connections = localConnections({ blobs: storage.connectionString });
});
after(() => storage.stop());

const record = (changes: Partial<SideRecord> = {}): SideRecord => ({
  kind: "late",
  pipeline: "flights",
  stage: "stats",
  partition: "0",
  sequenceNumber: 1,
  enqueuedTime: Date.UTC(2001, 0, 2),
  properties: {},
  reason: "later than the window's grace",
  body: Buffer.from('{"id":"a"}'),
  ...changes,
});

const blobs = (container: string) =>
  BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient(container);

async function contents(container: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const client = blobs(container);
  if (!(await client.exists())) return found;
  for await (const { name } of client.listBlobsFlat()) {
    found.set(name, (await client.getBlobClient(name).downloadToBuffer()).toString());
  }
  return found;
}

const parse = (text: string) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

sinkConformance<SideRecord>("side output", async () => {
  const container = randomUUID();
  return {
    sink: sideOutput({ container }),
    connections,
    keeps: "every",
    value: (key, version) => record({ key, sequenceNumber: version }),
    read: async () => {
      const bySequence = [...(await contents(container))].toSorted(([a], [b]) => sequenceOf(a) - sequenceOf(b));
      const byKey = Map.groupBy(
        bySequence.flatMap(([, text]) => parse(text)),
        ({ key }) => key as string,
      );
      return new Map([...byKey].map(([key, lines]) => [key, lines.map(({ sequenceNumber }) => sequenceNumber)]));
    },
  };
});

const sequenceOf = (blob: string) => Number(blob.split("/").at(-1)?.split("-")[1]);

describe("side output", () => {
  it("puts one blob for each frame and kind, under the frame's name", async () => {
    const container = randomUUID();
    const owner = await Owner.open(sideOutput({ container }), { connections, partition: "3" });
    const frame = owner.frame([record(), record({ kind: "dead-letter" }), record({ sequenceNumber: 2 })]);
    await owner.deliver(frame);
    const found = await contents(container);
    const { nonce } = frame.stamp;
    assert.deepEqual([...found.keys()].toSorted(), [
      `dead-letters/flights/3/1-1-${nonce}.ndjson`,
      `late/flights/3/1-1-${nonce}.ndjson`,
    ]);
    assert.deepEqual([...found.keys()].toSorted()[1], sideBlobName("late", frame.stamp));
    assert.equal(parse(found.get(sideBlobName("late", frame.stamp)) ?? "").length, 2);
  });

  it("writes the same bytes twice for the same frame", async () => {
    const container = randomUUID();
    const owner = await Owner.open(sideOutput({ container }), { connections });
    const frame = owner.frame([record({ stack: "Error\n  at x", key: "k", properties: { b: 1, a: 2 } })]);
    await owner.deliver(frame);
    const first = await contents(container);
    await owner.deliver(frame);
    assert.deepEqual(await contents(container), first);
  });

  it("carries a frame larger than a block", async () => {
    const container = randomUUID();
    const owner = await Owner.open(sideOutput({ container }), { connections });
    const body = Buffer.alloc(500_000, "x");
    const frame = owner.frame(Array.from({ length: 16 }, (_, i) => record({ sequenceNumber: i, body })));
    await owner.deliver(frame);
    const [text] = (await contents(container)).values();
    assert.equal(parse(text ?? "").length, 16);
  });

  it("outlives storage that is away for a while", async () => {
    const first = await startStorage(FREE_PORTS);
    const to = localConnections({ blobs: first.connectionString });
    const owner = await Owner.open(sideOutput({ container: "side" }), { connections: to });
    await first.stop();
    const frame = owner.frame([record()]);
    await assert.rejects(owner.deliver(frame, AbortSignal.timeout(100)), { code: "UNAVAILABLE", retryable: true });
    const delivering = owner.deliver(frame);
    const { blob: blobPort, queue: queuePort, table: tablePort } = first.ports;
    const back = await startStorage({ blobPort, queuePort, tablePort });
    await delivering;
    const client = BlobServiceClient.fromConnectionString(back.connectionString).getContainerClient("side");
    assert.ok(await client.getBlobClient(sideBlobName("late", frame.stamp)).exists());
    await back.stop();
  });
});

describe("a line of the side output", () => {
  const line = (changes: Partial<SideRecord>) => JSON.parse(sideRecordLine(record(changes)));

  it("holds the exact bytes, and the text when it is UTF-8", () => {
    const broken = Buffer.from([0x7b, 0xff, 0x00]);
    assert.deepEqual(Buffer.from(line({ body: broken }).body, "base64"), broken);
    assert.equal("text" in line({ body: broken }), false);
    assert.equal(line({ body: Buffer.from("größe\n") }).text, "größe\n");
    const view = new Uint8Array(Buffer.from("..inner..")).subarray(2, 7);
    assert.equal(line({ body: view }).text, "inner");
  });

  it("says times as ISO 8601, and names the ends of time", () => {
    const { enqueuedTime, eventTime, watermark } = line({ eventTime: 0, watermark: END_OF_TIME });
    assert.deepEqual(
      [enqueuedTime, eventTime, watermark],
      ["2001-01-02T00:00:00.000Z", "1970-01-01T00:00:00.000Z", "end"],
    );
    assert.equal(line({ watermark: NO_WATERMARK }).watermark, "start");
    assert.equal(line({ eventTime: 1e300 }).eventTime, 1e300);
  });

  it("is one line whatever the record holds", () => {
    const text = sideRecordLine(record({ reason: "a\nb", stack: "c\nd", properties: { big: 1n, date: new Date(0) } }));
    assert.equal(text.indexOf("\n"), text.length - 1);
    assert.deepEqual(JSON.parse(text).properties, { big: "1", date: "1970-01-01T00:00:00.000Z" });
  });
});
