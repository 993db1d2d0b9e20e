import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { BlobServiceClient } from "@azure/storage-blob";
import { END_OF_TIME } from "../../lib/engine/frame.ts";
import { type Storage, startStorage } from "../../lib/local/storage/index.ts";
import { LIMITS } from "../../lib/sinks/files/limits.ts";
import type { FileMessage } from "../../lib/sinks/files/publish.ts";
import { files } from "../../lib/sinks/index.ts";
import { sinkConformance } from "./conformance.ts";
import { contentsOf, countedFiles, countedRows, losingAnswers, type StoredRow } from "./files-reading.ts";
import { localConnections, notingWorld, Owner } from "./support.ts";

let storage: Storage;
let connections: ReturnType<typeof losingAnswers>;

before(async () => {
  storage = await startStorage({ blobPort: 0, queuePort: 0, tablePort: 0 });
  connections = losingAnswers(localConnections({ blobs: storage.connectionString }));
});
after(() => storage.stop());

const clientOf = (container: string) =>
  BlobServiceClient.fromConnectionString(storage.connectionString).getContainerClient(container);
const blobsOf = (container: string) => contentsOf(clientOf(container));

interface Value {
  readonly key: string;
  readonly version: number;
  readonly note?: string;
}

const COLUMNS = { key: "string", version: "int32", note: "string" } as const;
const HOUR = 3_600_000;
const AT = Date.UTC(2001, 0, 2, 13, 5);

/** Key → versions in order; for a sink with a key, the latest by generation and batch. */
function versionsOf(rows: readonly StoredRow[], latest: boolean): Map<string, number[]> {
  const byKey = Map.groupBy(rows, ({ key }) => String(key));
  return new Map(
    [...byKey].map(([key, ofKey]) => {
      const versions = ofKey.map(({ version }) => Number(version));
      return [key, latest ? versions.slice(-1) : versions];
    }),
  );
}

const conformant = (format: object, latest: boolean) => async () => {
  const container = randomUUID();
  return {
    sink: files<Value>({ container, path: "a/b", ...(latest ? { key: ({ key }) => key } : {}), ...format }),
    connections,
    keeps: latest ? ("latest" as const) : ("every" as const),
    value: (key: string, version: number): Value => ({ key, version }),
    read: async () => versionsOf(await countedRows(await blobsOf(container)), latest),
    impossible: (): Value => ({ key: "ORD", version: 0, note: "x".repeat(LIMITS.rowBytes) }),
    interrupt: () => connections.lose(2),
  };
};

sinkConformance<Value>("NDJSON files", conformant({}, false));
sinkConformance<Value>("Parquet files with a key", conformant({ format: "parquet", columns: COLUMNS }, true));

describe("files", () => {
  it("lie in folders of time, and a manifest of each commit names them", async () => {
    const container = randomUUID();
    const sink = files<{ windowStart: string }>({ container, path: "delays" });
    const owner = await Owner.open(sink, { connections, partition: "3" });
    const rows = [{ windowStart: "2001-01-02T13:00:00Z" }, { windowStart: "2001-01-02T09:00:00Z" }];
    await owner.deliver(owner.frame(rows));
    await owner.deliver(owner.frame([]));
    await owner.deliver(owner.frame(rows.slice(1)));
    const blobs = await blobsOf(container);
    assert.deepEqual([...blobs.keys()].sort(), [
      "delays/_manifest/flights/3/1/0000000000.json",
      "delays/_manifest/flights/3/1/0000000001.json",
      "delays/date=2001-01-02/hour=09/flights-3-1-0000000000-0.ndjson",
      "delays/date=2001-01-02/hour=09/flights-3-1-0000000001-0.ndjson",
      "delays/date=2001-01-02/hour=13/flights-3-1-0000000000-1.ndjson",
    ]);
    assert.equal(countedFiles(blobs).length, 3);
    assert.deepEqual(
      (await countedRows(blobs)).map(({ _task, _generation, _batch, windowStart }) => [
        _task,
        _generation,
        _batch,
        windowStart,
      ]),
      [
        ["flights/3", 1, 0, rows[1]?.windowStart],
        ["flights/3", 1, 0, rows[0]?.windowStart],
        ["flights/3", 1, 1, rows[1]?.windowStart],
      ],
    );
  });

  it("go by the event's time where there is no window, or by what the option says, in the unit that it says", async () => {
    const folderOf = async (options: object, value: object = { a: 1 }) => {
      const container = randomUUID();
      const owner = await Owner.open(files<object>({ container, ...options }), { connections });
      await owner.deliver(owner.frame([value], undefined, { timestamp: AT }));
      return countedFiles(await blobsOf(container))[0]?.replace(/[^/]*$/, "");
    };
    assert.equal(await folderOf({}), "date=2001-01-02/hour=13/");
    assert.equal(await folderOf({ partitionBy: "minute" }), "date=2001-01-02/hour=13/minute=05/");
    assert.equal(await folderOf({ partitionBy: "day", time: () => new Date(AT + 24 * HOUR) }), "date=2001-01-03/");
    assert.equal(await folderOf({ partitionBy: "none", path: "p" }), "p/");
  });

  it("hold the same bytes whoever delivers a frame, and are not written a second time", async () => {
    for (const format of [{}, { format: "parquet", columns: COLUMNS }] as const) {
      const [one, two] = [randomUUID(), randomUUID()];
      const owner = await Owner.open(files<Value>({ container: one, ...format }), { connections });
      const frame = owner.frame([
        { key: "ORD", version: 1 },
        { key: "ATL", version: 2, note: "ü" },
      ]);
      const other = await Owner.open(files<Value>({ container: two, ...format }), { connections });
      await owner.deliver(frame);
      const first = await blobsOf(one);
      const [path = ""] = countedFiles(first);
      const { etag } = await clientOf(one).getBlobClient(path).getProperties();
      await owner.deliver(frame);
      await other.deliver(frame);
      assert.deepEqual(await blobsOf(two), first);
      assert.equal((await clientOf(one).getBlobClient(path).getProperties()).etag, etag);
    }
  });

  it("count by the newest generation of a task's log", async () => {
    const container = randomUUID();
    const before = await Owner.open(files<Value>({ container }), { connections });
    const frames = [1, 2, 3].map((version) => before.frame([{ key: "ORD", version }]));
    await before.deliver(frames[0] as never);
    const next = await before.reset();
    await next.deliver(next.frame([{ key: "ORD", version: 4 }]));
    // An owner from before the reset wakes.
    for (const frame of frames) await before.deliver(frame);
    const other = await Owner.open(files<Value>({ container }), { connections, partition: "1" });
    await other.deliver(other.frame([{ key: "ATL", version: 5 }]));
    assert.deepEqual(
      (await countedRows(await blobsOf(container))).map(({ version }) => version),
      [4, 5],
    );
  });

  it("are loud about another frame in their place: the log went back", async () => {
    const container = randomUUID();
    const owner = await Owner.open(files<Value>({ container }), { connections });
    const back = await owner.takeOver();
    await owner.deliver(owner.frame([{ key: "ORD", version: 1 }], undefined, { timestamp: AT }));
    // Another frame with the same batch, in another folder: the manifest notices.
    const frame = back.frame([{ key: "ORD", version: 1 }], undefined, { timestamp: AT + HOUR });
    await assert.rejects(back.deliver(frame), { code: "LOG_DAMAGED", retryable: false });
    assert.deepEqual((await countedRows(await blobsOf(container))).length, 1);
  });

  it("do not replace a blob that Tidemark did not write", async () => {
    const container = randomUUID();
    await clientOf(container).create();
    const owner = await Owner.open(files<Value>({ container, partitionBy: "none" }), { connections });
    const foreign = clientOf(container).getBlockBlobClient("flights-0-1-0000000000-0.ndjson");
    await foreign.upload("mine", 4);
    await assert.rejects(owner.deliver(owner.frame([{ key: "ORD", version: 1 }])), { code: "FOREIGN_DOCUMENT" });
    assert.equal((await foreign.downloadToBuffer()).toString(), "mine");
  });

  it("do not count before all of their commit are there", async () => {
    const container = randomUUID();
    const days = [0, 1, 2].map((day) => AT + day * 24 * HOUR);
    const sink = files<{ day: number }>({ container, partitionBy: "day", time: ({ day }) => day });
    const several = await Owner.open(sink, { connections, partition: "1" });
    const frame = several.frame(days.map((day) => ({ day })));
    // Time is over after the second of three files.
    const time = new AbortController();
    connections.lose(2, () => time.abort());
    await assert.rejects(several.deliver(frame, time.signal), { code: "UNAVAILABLE", retryable: true });
    assert.deepEqual(countedFiles(await blobsOf(container)), []);
    await several.deliver(frame);
    assert.equal(countedFiles(await blobsOf(container)).length, 3);
  });

  it("wait as long as a busy service asks", async () => {
    const { world, sleeps } = notingWorld();
    const container = randomUUID();
    let answers = 0;
    const busy = {
      getContainerClient: () => ({
        getBlockBlobClient: () => ({
          upload: async () => {
            if (++answers > 1) return;
            const headers = new Map([["retry-after", "7"]]);
            throw Object.assign(new Error("Server Busy"), { statusCode: 503, response: { headers } });
          },
        }),
      }),
    } as unknown as BlobServiceClient;
    const to = { ...connections, blobs: async () => busy };
    const owner = await Owner.open(files<Value>({ container }), { connections: to, world });
    await owner.deliver(owner.frame([{ key: "ORD", version: 1 }]));
    assert.equal(sleeps.length, 1);
    assert.ok((sleeps[0] ?? 0) >= 7_000);
  });
});

describe("rows", () => {
  it("that no file can hold are refused, and say why", async () => {
    const owner = await Owner.open(files<object>({ container: "unused" }), { connections });
    const refuse = (value: unknown, message: RegExp) =>
      assert.throws(() => owner.frame([value as object]), { code: "SINK_REFUSED", message });
    refuse([1], /must be an object, not a list/);
    refuse({ a: 1n }, /Field "a" is a bigint/);
    refuse({ _batch: 1 }, /"_batch", which every file has/);
    refuse({ windowStart: "soon" }, /"soon", names no folder/);
    refuse({ text: "x".repeat(LIMITS.rowBytes) }, /\(rowBytes\) is 1048576/);
  });

  it("of Parquet must fit the columns", async () => {
    const columns = { a: "int32", b: "int64", c: "double", d: "boolean", e: "string", f: "timestamp" } as const;
    const sink = files<Record<string, unknown>>({ container: "unused", format: "parquet", columns } as never);
    const owner = await Owner.open(sink, { connections });
    const refuse = (value: Record<string, unknown>, message: RegExp) =>
      assert.throws(() => owner.frame([value]), { code: "SINK_REFUSED", message });
    refuse({ a: 2 ** 31 }, /Field "a" is 2147483648, which is no int32/);
    refuse({ a: "1" }, /no int32/);
    refuse({ b: 2 ** 53 }, /no int64/);
    refuse({ b: 0.5 }, /no int64/);
    refuse({ c: "1" }, /no double/);
    refuse({ d: 0 }, /no boolean/);
    refuse({ e: { deep: 1 } }, /no string/);
    refuse({ f: "2001-01-02T13:00:00" }, /no timestamp/);
    refuse({ f: "2001-01-02 13:00" }, /no timestamp/);
    refuse({ g: 1 }, /field "g", for which there is no column/);
  });

  it("of Parquet come back from a reader of its own, with nulls where there was nothing", async () => {
    const container = randomUUID();
    const columns = { a: "int32", b: "int64", c: "double", d: "boolean", e: "string", f: "timestamp" } as const;
    const sink = files<Record<string, unknown>>({ container, format: "parquet", columns } as never);
    const owner = await Owner.open(sink, { connections });
    const full = { a: -(2 ** 31), b: 2 ** 53 - 1, c: 0.1, d: true, e: "größe", f: "2001-01-02T13:00:00.123Z" };
    await owner.deliver(owner.frame([full, {}, { ...full, f: new Date(AT) }, { f: AT }]));
    const [first, second, third, fourth] = await countedRows(await blobsOf(container));
    const origin = { _task: "flights/0", _generation: 1, _batch: 0 };
    assert.deepEqual(first, { ...origin, ...full, b: 2n ** 53n - 1n, f: new Date(full.f) });
    assert.deepEqual(second, { ...origin, a: null, b: null, c: null, d: null, e: null, f: null });
    assert.deepEqual([third?.f, fourth?.f], [new Date(AT), new Date(AT)]);
  });

  it("that no longer fit the columns when they leave are reported, and the others are written", async () => {
    const container = randomUUID();
    const make = (columns: object) => files<object>({ container, format: "parquet", columns } as never);
    const owner = await Owner.open(make({ a: "string" }), { connections });
    const frame = owner.frame([{ a: "1" }, {}]);
    const later = await Owner.open(make({ a: "int32" }), { connections });
    const { refused } = await later.deliver(frame);
    assert.deepEqual(
      refused.map(({ message }) => message),
      [{ a: "1" }],
    );
    const none = await later.deliver(owner.frame([{ a: "2" }]));
    assert.equal(none.refused.length, 1);
    const blobs = await blobsOf(container);
    assert.equal((await countedRows(blobs)).length, 1);
    assert.equal([...blobs.keys()].filter((name) => name.endsWith(".parquet")).length, 1, "no file without rows");
  });

  it("that wait are told to the log once", async () => {
    const container = randomUUID();
    const sink = files<Value & { at: number }>({ container, roll: "folder", time: ({ at }) => at });
    const owner = await Owner.open(sink, { connections });
    const row = { key: "ORD", version: 1, at: AT };
    owner.task.accept(owner.task.prepare(row, { timestamp: row.at, key: "ORD", watermark: 0, enqueuedTime: 0 }));
    assert.equal(owner.task.changes?.().length, 2);
    assert.deepEqual(owner.task.changes?.(), []);
  });

  it("of one key and commit are one: the last", async () => {
    const container = randomUUID();
    const owner = await Owner.open(files<Value>({ container, key: ({ key }) => key }), { connections });
    await owner.deliver(owner.frame([1, 2, 3].map((version) => ({ key: "ORD", version }))));
    assert.deepEqual(
      (await countedRows(await blobsOf(container))).map(({ version }) => version),
      [3],
    );
  });
});

describe("a large commit", () => {
  const shape = async (values: readonly Value[], options: object = {}) => {
    const owner = await Owner.open(files<Value>({ container: "unused", ...options }), { connections });
    const messages = owner.frame(values).messages as FileMessage[];
    return { owner, parts: messages.map(([batch, part, , rows]) => [batch, part, rows.length]) };
  };
  const values = (count: number, note: string) => {
    return Array.from({ length: count }, (_, version) => ({ key: "ORD", version, note }));
  };

  it("is written in parts, by rows and by bytes", async () => {
    assert.deepEqual((await shape(values(LIMITS.fileRows + 1, ""))).parts, [
      [0, 0, LIMITS.fileRows],
      [0, 1, 1],
    ]);
    const half = "x".repeat(LIMITS.rowBytes / 2 - 100);
    const fit = (2 * LIMITS.fileBytes) / LIMITS.rowBytes;
    assert.deepEqual((await shape(values(fit + 1, half))).parts, [
      [0, 0, fit],
      [0, 1, 1],
    ]);
  });

  it("is listed in several entries of the manifest, and the next one goes on behind them", async () => {
    const time = ({ version }: Value) => AT + version * 60_000;
    const { owner, parts } = await shape(values(LIMITS.batchFiles + 1, ""), { partitionBy: "minute", time });
    assert.deepEqual(
      [parts[0], parts.at(-2), parts.at(-1)],
      [
        [0, 0, 1],
        [0, LIMITS.batchFiles - 1, 1],
        [1, 0, 1],
      ],
    );
    const next = await owner.takeOver();
    assert.equal((next.frame(values(1, "")).messages as FileMessage[])[0]?.[0], 2);
  });
});

describe("roll: folder", () => {
  const minutes = (minute: number) => AT + minute * 60_000;
  const open = (container: string, options: object = {}) =>
    Owner.open(files<Value>({ container, partitionBy: "minute", roll: "folder", ...options }), { connections });
  const frame = (owner: Owner<Value>, minute: number, version: number, watermark: number, key = "ORD") =>
    owner.frame([{ key, version }], watermark, { timestamp: minutes(minute) });
  const versions = async (container: string) =>
    (await countedRows(await blobsOf(container))).map(({ version }) => version);

  it("gathers a folder's rows until event time has passed it, also over a crash, and writes one file", async () => {
    const container = randomUUID();
    const first = await open(container);
    await first.deliver(frame(first, 0, 1, minutes(0)));
    assert.equal(first.task.nextTimer?.(), minutes(1));
    const second = await first.takeOver();
    await second.deliver(frame(second, 0, 2, minutes(1) - 1));
    assert.deepEqual(await versions(container), []);
    const third = await second.takeOver();
    assert.equal(third.task.nextTimer?.(), minutes(1));
    await third.deliver(frame(third, 1, 3, minutes(1)));
    assert.deepEqual(await versions(container), [1, 2]);
    const fourth = await third.takeOver();
    await fourth.deliver(fourth.frame([], END_OF_TIME));
    assert.deepEqual(await versions(container), [1, 2, 3]);
    assert.equal(countedFiles(await blobsOf(container)).length, 2);
    assert.equal(fourth.task.nextTimer?.(), undefined);
  });

  it("keeps the last version of a key, so that a reader finds one row", async () => {
    const container = randomUUID();
    const first = await open(container, { key: ({ key }: Value) => key });
    for (const version of [1, 2]) await first.deliver(frame(first, 0, version, minutes(0)));
    const second = await first.takeOver();
    await second.deliver(frame(second, 0, 3, minutes(0)));
    await second.deliver(frame(second, 0, 4, minutes(1), "ATL"));
    assert.deepEqual((await versions(container)).toSorted(), [3, 4]);
    assert.equal(countedFiles(await blobsOf(container)).length, 1);
  });

  it("forgets a row of which another version comes in the frame in which it leaves", async () => {
    const container = randomUUID();
    const first = await open(container, { key: ({ key }: Value) => key });
    await first.deliver(frame(first, 0, 1, minutes(0)));
    await first.deliver(frame(first, 0, 2, minutes(1)));
    const second = await first.takeOver();
    assert.equal(second.task.nextTimer?.(), undefined);
    await second.deliver(second.frame([], END_OF_TIME));
    assert.deepEqual(await versions(container), [2]);
  });

  it("waits for the whole of a result that is longer than its folder", async () => {
    const container = randomUUID();
    const owner = await open(container, { time: () => minutes(0) });
    await owner.deliver(frame(owner, 59, 1, minutes(30)));
    assert.deepEqual(await versions(container), []);
    await owner.deliver(owner.frame([], minutes(59) + 1));
    assert.deepEqual(await versions(container), [1]);
  });

  it("writes early what would be too much to keep: the folders that end first", async () => {
    const byVersion = { time: ({ version }: Value) => minutes(version) };
    const leaving = async (count: number, note = "") => {
      const owner = await open("unused", byVersion);
      const values = Array.from({ length: count }, (_, version) => ({ key: "ORD", version, note }));
      const messages = owner.frame(values.toReversed(), 0).messages as FileMessage[];
      return messages.map(([, , folder, rows]) => [folder.slice(-10), rows.length]);
    };
    const first = [
      ["minute=05/", 1],
      ["minute=06/", 1],
    ];
    assert.deepEqual(await leaving(LIMITS.waitingFolders + 2), first);
    const half = "x".repeat(LIMITS.rowBytes / 2 - 100);
    assert.deepEqual(await leaving((2 * LIMITS.waitingBytes) / LIMITS.rowBytes, half), []);
    assert.deepEqual(await leaving((2 * LIMITS.waitingBytes) / LIMITS.rowBytes + 2, half), first);
  });

  it("writes early a folder that fills a file", async () => {
    const owner = await open("unused");
    const values = Array.from({ length: LIMITS.fileRows }, (_, version) => ({ key: "ORD", version }));
    assert.equal(owner.frame(values.slice(1), 0).messages.length, 0);
    assert.equal(owner.frame(values.slice(0, 1), 0).messages.length, 1);
  });

  it("writes what still waits when it is told to write each commit", async () => {
    const container = randomUUID();
    const state = new Map<string, unknown>();
    const before = await open(container);
    const note = before.task.changes?.bind(before.task);
    before.task.changes = () => {
      const entries = note?.() ?? [];
      for (let at = 0; at < entries.length; at += 2) state.set(String(entries[at]), entries[at + 1]);
      return entries;
    };
    await before.deliver(frame(before, 0, 1, minutes(0)));
    const sink = files<Value>({ container, partitionBy: "minute" });
    const now = await Owner.open(sink, { connections }, state, 1);
    await now.deliver(now.frame([]));
    assert.deepEqual(await versions(container), [1]);
  });
});

describe("options of a files sink", () => {
  it("are checked all at once", () => {
    const options = { container: "tidemark", path: "_a", partitionBy: "none", roll: "folder", format: "parquet" };
    assert.throws(
      () => files<object>({ ...options, columns: { date: "string", a: "text" } } as never),
      (error: Error) => {
        for (const part of [
          "holds the checkpoints",
          "path must be",
          "needs folders of time",
          '"date" is one that',
          '"a" cannot be',
        ]) {
          assert.ok(error.message.includes(part), `${part} is not in: ${error.message}`);
        }
        return true;
      },
    );
    assert.throws(() => files<object>({ container: "Results" }), /lower-case/);
  });
});
