import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import type { Retention } from "../../../lib/local/hub/declaration.ts";
import { PartitionLog } from "../../../lib/local/hub/partition-log.ts";
import { FolderSegments, MemorySegments, SegmentCache } from "../../../lib/local/hub/segments.ts";

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "hub-log-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

function append(log: PartitionLog, bodies: readonly string[]): number {
  const bytes = bodies.reduce((sum, body) => sum + Buffer.byteLength(body), 0);
  return log.append(bodies.length, bytes, (target, at, i) => at + target.write(bodies[i] as string, at));
}

interface Read {
  readonly body: string;
  readonly sequence: number;
  readonly offset: number;
  readonly time: number;
}

function readFrom(log: PartitionLog, sequence: number): Read[] {
  const events: Read[] = [];
  const cursor = log.cursor(sequence);
  while (cursor.advance()) {
    const body = cursor.data.toString("utf8", cursor.start, cursor.end);
    events.push({ body, sequence: cursor.sequence, offset: cursor.offset, time: cursor.enqueuedTime });
  }
  return events;
}

interface Bench {
  readonly time: { now: number };
  readonly open: (retention?: Retention) => PartitionLog;
}

function inFolder(folder: string, cacheBytes = 1e9): Bench {
  const time = { now: 1000 };
  const cache = new SegmentCache(cacheBytes);
  const open = (retention?: Retention) =>
    new PartitionLog({ store: new FolderSegments(folder, cache), clock: () => time.now, retention });
  return { time, open };
}

test("whatever is appended is read back, from every position, before and after a restart", async (t) => {
  const folder = temporaryFolder(t);
  let run = 0;
  const batches = fc.array(
    fc.record({
      // Never empty, as no encoded message is.
      bodies: fc.array(fc.string({ minLength: 1, maxLength: 40 }), { minLength: 1, maxLength: 5 }),
      pause: fc.integer({ min: 0, max: 3 }),
    }),
    { minLength: 1, maxLength: 20 },
  );
  const sizes = fc.constantFrom(undefined, 400, 100_000);
  await fc.assert(
    fc.asyncProperty(batches, sizes, async (plan, bytes) => {
      const { time, open } = inFolder(join(folder, String(run++)), 300);
      const log = open(bytes === undefined ? {} : { bytes });
      const model: Read[] = [];
      let offset = 0;
      for (const { bodies, pause } of plan) {
        time.now += pause;
        assert.equal(append(log, bodies), model.length);
        for (const body of bodies) {
          model.push({ body, sequence: model.length, offset, time: time.now });
          offset += Buffer.byteLength(body);
        }
      }
      check(log, model);
      await log.close();
      const again = open(bytes === undefined ? {} : { bytes });
      check(again, model);
      await again.close();
    }),
    { numRuns: 40, endOnFailure: true },
  );
});

function check(log: PartitionLog, model: readonly Read[]): void {
  const left = model.slice(log.beginSequence);
  assert.equal(log.nextSequence, model.length);
  assert.equal(log.lastOffset, model.at(-1)?.offset);
  assert.deepEqual(readFrom(log, 0), left);
  for (const event of model) {
    assert.deepEqual(readFrom(log, event.sequence), left.slice(Math.max(0, event.sequence - log.beginSequence)));
    const after = model.findIndex(({ time }) => time > event.time);
    const expected = after === -1 ? model.length : Math.max(after, log.beginSequence);
    assert.equal(log.sequenceAfterTime(event.time), expected);
    const at = model.findIndex(({ offset }) => offset >= event.offset);
    const behind = model.findIndex(({ offset }) => offset > event.offset);
    assert.equal(log.sequenceAtOffset(event.offset, true), Math.max(at, log.beginSequence));
    const beyond = behind === -1 ? model.length : behind;
    assert.equal(log.sequenceAtOffset(event.offset, false), Math.max(beyond, log.beginSequence));
  }
}

test("a torn tail is cut off at the next open, and the log goes on from there", async (t) => {
  const folder = temporaryFolder(t);
  const { open } = inFolder(folder);
  const log = open();
  append(log, ["one", "two"]);
  append(log, ["three"]);
  await log.close();
  const path = join(folder, readdirSync(folder)[0] as string);
  const whole = readFileSync(path);
  const firstRecord = 32 + 8 + 6;
  for (let length = firstRecord; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    const cut = open();
    assert.deepEqual(
      readFrom(cut, 0).map(({ body }) => body),
      ["one", "two"],
      `cut to ${length} bytes`,
    );
    assert.equal(append(cut, ["again"]), 2);
    await cut.close();
    const after = open();
    assert.deepEqual(
      readFrom(after, 0).map(({ body }) => body),
      ["one", "two", "again"],
    );
    await after.close();
  }
});

test("a damaged or foreign tail is not taken for events", async (t) => {
  const folder = temporaryFolder(t);
  const { open } = inFolder(folder);
  const log = open();
  append(log, ["one"]);
  append(log, ["two"]);
  await log.close();
  const path = join(folder, readdirSync(folder)[0] as string);
  const whole = readFileSync(path);
  for (let at = 39; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] as number) ^ 0x10;
    writeFileSync(path, damaged);
    const opened = open();
    assert.deepEqual(
      readFrom(opened, 0).map(({ body }) => body),
      ["one"],
      `byte ${at}`,
    );
    await opened.close();
  }
  writeFileSync(path, whole);
  appendFileSync(path, whole);
  const opened = open();
  assert.equal(opened.nextSequence, 2);
  await opened.close();
  assert.deepEqual(readFileSync(path), whole);
  truncateSync(path, 0);
  const empty = open();
  assert.equal(empty.nextSequence, 0);
  await empty.close();
});

test("an append that fails leaves nothing behind", () => {
  const log = new PartitionLog({ store: new MemorySegments(), clock: () => 1 });
  append(log, ["one"]);
  assert.throws(() =>
    log.append(2, 100, (target, at, i) => {
      if (i === 1) throw new Error("bad event");
      return at + target.write("lost", at);
    }),
  );
  assert.equal(append(log, ["two"]), 1);
  assert.deepEqual(
    readFrom(log, 0).map(({ body, offset }) => [body, offset]),
    [
      ["one", 0],
      ["two", 3],
    ],
  );
});

test("retention by age empties a silent partition, and its numbers go on, also after a restart", async (t) => {
  const { time, open } = inFolder(temporaryFolder(t));
  const log = open({ hours: 1 });
  append(log, ["one", "two"]);
  time.now += 3_600_001;
  log.expire();
  assert.deepEqual([log.beginSequence, log.nextSequence, log.lastOffset], [2, 2, 3]);
  assert.deepEqual(readFrom(log, 0), []);
  await log.close();
  const again = open({ hours: 1 });
  assert.deepEqual([again.beginSequence, again.nextSequence], [2, 2]);
  append(again, ["three"]);
  assert.deepEqual(
    readFrom(again, 0).map(({ sequence, offset }) => [sequence, offset]),
    [[2, 6]],
  );
  await again.close();
});

test("retention by bytes keeps at least the limit and not much more, on disk too", async (t) => {
  const folder = temporaryFolder(t);
  const { open } = inFolder(folder);
  const log = open({ bytes: 8000 });
  for (let i = 0; i < 1000; i++) append(log, ["x".repeat(100)]);
  assert.ok(log.bytes >= 8000 && log.bytes <= 9200, `kept ${log.bytes}`);
  const onDisk = readdirSync(folder).reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0);
  assert.ok(onDisk < 9200 * 1.5, `${onDisk} on disk`);
  const { bytes, beginSequence } = log;
  await log.close();
  const again = open({ bytes: 8000 });
  assert.deepEqual([again.bytes, again.beginSequence], [bytes, beginSequence]);
  await again.close();
});

test("time never runs backwards for a partition", () => {
  const time = { now: 5000 };
  const log = new PartitionLog({ store: new MemorySegments(), clock: () => time.now });
  append(log, ["one"]);
  time.now = 3000;
  append(log, ["two"]);
  assert.deepEqual(
    readFrom(log, 0).map((event) => event.time),
    [5000, 5000],
  );
});

test("an event takes at most thirty bytes of memory above its own, however small the batches are", () => {
  const body = "x".repeat(200);
  for (const batch of [1, 2, 50]) {
    const log = new PartitionLog({ store: new MemorySegments(), clock: () => 1 });
    const bodies = Array.from({ length: batch }, () => body);
    const events = 60_000;
    for (let i = 0; i < events; i += batch) append(log, bodies);
    const above = log.openFootprint / events - body.length;
    assert.ok(above <= 30, `${above.toFixed(1)} bytes an event in batches of ${batch}`);
  }
});

test("sealed segments leave memory and come back from disk", async (t) => {
  const cache = new SegmentCache(6e6);
  const store = new FolderSegments(temporaryFolder(t), cache);
  const log = new PartitionLog({ store, clock: () => 1 });
  const body = "y".repeat(100_000);
  for (let i = 0; i < 300; i++) append(log, [`${i} ${body}`]);
  assert.ok(cache.bytes + log.openFootprint < 16e6, `${cache.bytes} and ${log.openFootprint} in memory`);
  assert.deepEqual(
    readFrom(log, 0).map((event) => Number.parseInt(event.body, 10)),
    Array.from({ length: 300 }, (_, i) => i),
  );
  await log.close();
});
