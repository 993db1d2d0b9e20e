import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { EventHubReader, type EventHubReaderOptions } from "../../lib/sources/event-hub-reader.ts";
import { type Bounds, type ScriptedHub, type Step, scriptedHub } from "./scripted-hub.ts";

const readerOf = ({ client }: ScriptedHub, options: Partial<EventHubReaderOptions> = {}) =>
  new EventHubReader({ client: async () => client, partition: "0", quietSeconds: 3, ...options });

async function read(
  steps: readonly Step[],
  bounds: Bounds | (() => Bounds),
  from: number,
  to: number,
): Promise<number[]> {
  const hub = scriptedHub(steps, bounds);
  const chunks = await Array.fromAsync(readerOf(hub).read(from, to, 100)).finally(() => assert.equal(hub.open, 0));
  return chunks.flat().map(({ sequenceNumber }) => sequenceNumber);
}

describe("a partition with holes", () => {
  it("is read across them, up to the event that proves the end", async () => {
    assert.deepEqual(await read([[3, 7, 9]], { first: 3, next: 10 }, 2, 9), [3, 7]);
  });

  it("begins with the next event when it holds none any more, whatever it says of the first", async () => {
    const hub = scriptedHub([], { first: 3, next: 10, isEmpty: true });
    const { first, next } = await readerOf(hub).bounds();
    assert.deepEqual([first, next], [10, 10]);
  });

  it("has ended after some quiet when it holds nothing beyond", async () => {
    assert.deepEqual(await read([[3]], { first: 3, next: 10 }, 3, 10), [3]);
  });

  it("has not ended before that: an event may come after some quiet, and the quiet begins anew behind it", async () => {
    const steps = [[], [], [3], [], [], [7], [], []];
    assert.deepEqual(await read(steps, { first: 3, next: 10 }, 3, 10), [3, 7]);
  });

  it("has ended when retention has removed all that was wanted", async () => {
    let asked = 0;
    const bounds = () => (asked++ === 0 ? { first: 3, next: 25 } : { first: 20, next: 25 });
    assert.deepEqual(await read([[]], bounds, 3, 10), []);
  });

  it("has not ended when it is quiet and holds events beyond: they might be lost", async () => {
    await assert.rejects(read([[3]], { first: 3, next: 12 }, 3, 10), {
      code: "UNAVAILABLE",
      retryable: true,
      message: /events from 4 to 11 and does not deliver/,
    });
  });

  it("is silent about a start time only as long as it takes to say that it withholds events", async () => {
    const reader = readerOf(scriptedHub([[]], { first: 3, next: 10 }));
    await assert.rejects(reader.sequenceAt(0), { code: "UNAVAILABLE", retryable: true, message: /since 1970-01-01/ });
    assert.equal(await reader.sequenceAt(1), 10);
  });
});

describe("a hub in trouble", () => {
  const gone = Object.assign(new Error("The messaging entity could not be found."), {
    code: "MessagingEntityNotFoundError",
  });

  it("is told although its error comes while a chunk is being processed, and nothing is left open", async () => {
    const hub = scriptedHub([[3], gone, [4]], { first: 3, next: 10 });
    const chunks = readerOf(hub, { sleep: () => new Promise(() => {}) }).read(3, 10, 100);
    const iterator = chunks[Symbol.asyncIterator]();
    assert.equal((await iterator.next()).value?.length, 1);
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    await assert.rejects(iterator.next(), { code: "NOT_FOUND" });
    assert.deepEqual([hub.open, hub.untaken], [0, 0], "what came behind the error waits for nobody");
  });

  it("that does not answer at all is told, and no timer is left behind", async () => {
    const timers: AbortSignal[] = [];
    const sleep = async (_milliseconds: number, signal?: AbortSignal) => {
      timers.push(signal as AbortSignal);
      await new Promise(setImmediate);
    };
    const hub = scriptedHub("mute", { first: 3, next: 10 });
    await assert.rejects(readerOf(hub, { sleep }).read(3, 10, 100).next(), {
      code: "UNAVAILABLE",
      retryable: true,
      message: /gives no answer to a reader/,
    });
    const patient = async (_milliseconds: number, signal?: AbortSignal) => {
      timers.push(signal as AbortSignal);
      await new Promise(() => {});
    };
    await Array.fromAsync(
      readerOf(scriptedHub([[3], [], [9]], { first: 3, next: 10 }), { sleep: patient }).read(3, 9, 100),
    );
    assert.ok(timers.length > 3 && timers.every(({ aborted }) => aborted));
    assert.equal(hub.open, 0);
  });

  it("is not kept waiting by a reader that has stopped, nor by one that was closed", async () => {
    for (const stop of ["reader", "loop"]) {
      const hub = scriptedHub([[3], [4], [5], [6]], { first: 3, next: 10 });
      const reader = readerOf(hub);
      const iterator = reader.read(3, 10, 100)[Symbol.asyncIterator]();
      await iterator.next();
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      assert.equal(hub.untaken, 1, "the next chunk waits");
      if (stop === "loop") await iterator.return(undefined);
      else await reader.close();
      for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
      assert.deepEqual([hub.untaken, hub.open], [0, 0], stop);
      if (stop === "reader") await assert.rejects(iterator.next(), { code: "UNAVAILABLE", message: /was stopped/ });
    }
  });

  it("that gives bounds that make no sense, or none in time, is told", async () => {
    const nonsense = readerOf(scriptedHub([], { first: 3, next: Number.NaN }));
    await assert.rejects(nonsense.bounds(), { code: "UNAVAILABLE", retryable: true, message: /make no sense/ });
    const hub = scriptedHub([], { first: 3, next: 10 });
    const limits: unknown[] = [];
    const getPartitionProperties = (_partition: string, { abortSignal }: { abortSignal?: AbortSignal } = {}) => {
      limits.push(abortSignal);
      return new Promise((_, fail) => abortSignal?.addEventListener("abort", () => fail(abortSignal.reason)));
    };
    const slow = { ...hub, client: Object.assign(hub.client, { getPartitionProperties }) };
    await assert.rejects(readerOf(slow, { limit: () => AbortSignal.timeout(20) }).bounds(), { code: "UNAVAILABLE" });
    void readerOf(slow)
      .bounds()
      .catch(() => undefined);
    await new Promise(setImmediate);
    assert.ok(
      limits.length === 2 && limits.every((one) => one instanceof AbortSignal),
      "by the clock where nobody says how",
    );
  });
});
