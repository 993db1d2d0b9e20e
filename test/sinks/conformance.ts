import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Connections, Sink } from "../../lib/engine/sink.ts";
import { Owner, type OwnerOptions } from "./support.ts";

/** A sink with a place of its own to write to, and a way to see what came of it. */
export interface SinkUnderTest<T> {
  readonly sink: Sink<T>;
  readonly connections: Connections;
  /** Whether a reader finds the last version of a key, or every version. */
  readonly keeps: "latest" | "every";
  /** A value of this key that tells its version. */
  value(key: string, version: number): T;
  /** Key → versions, in order, as a reader sees them who knows how the sink marks what was sent twice. */
  read(): Promise<ReadonlyMap<string, readonly number[]>>;
  close?(): Promise<void>;
}

const KEYS = ["ORD", "ATL", "DFW", "LAX", "ü/ß"];

/**
 * What every sink must hold, as tests: run it on a sink of your own. `make` is called for each test and gives a sink
 * that nothing was written to yet.
 *
 * @example
 * sinkConformance("my sink", async () => ({ sink: mySink(), connections, keeps: "latest", value, read }));
 */
export function sinkConformance<T>(name: string, make: () => Promise<SinkUnderTest<T>>): void {
  const test = (title: string, body: (subject: Subject<T>) => Promise<void>) =>
    it(title, async () => {
      const subject = new Subject(await make());
      try {
        await body(subject);
      } finally {
        await subject.close();
      }
    });

  describe(`${name}: what every sink must hold`, () => {
    test("delivers every value of every frame", async (subject) => {
      const owner = await subject.open();
      await owner.deliver(owner.frame(subject.values(1)));
      await owner.deliver(owner.frame(subject.values(2)));
      await subject.holds([1, 2]);
    });

    test("keeps the order of a key within a frame", async (subject) => {
      const owner = await subject.open();
      await owner.deliver(owner.frame([...subject.values(1), ...subject.values(2), ...subject.values(3)]));
      await subject.holds([1, 2, 3]);
    });

    test("makes nothing of an empty frame", async (subject) => {
      const owner = await subject.open();
      assert.deepEqual(await owner.deliver(owner.frame([])), { refused: [] });
      await subject.holds([]);
    });

    test("makes once of twice", async (subject) => {
      const owner = await subject.open();
      const frame = owner.frame(subject.values(1));
      await owner.deliver(frame);
      await owner.deliver(frame);
      await subject.holds([1]);
    });

    test("makes once of twice when a second owner delivers again", async (subject) => {
      const owner = await subject.open();
      const frames = [owner.frame(subject.values(1)), owner.frame(subject.values(2))];
      for (const frame of frames) await owner.deliver(frame);
      const next = await owner.takeOver();
      for (const frame of frames) await next.deliver(frame);
      await next.deliver(next.frame(subject.values(3)));
      await subject.holds([1, 2, 3]);
    });

    test("does not let an older frame replace a newer one", async (subject) => {
      const owner = await subject.open();
      const old = owner.frame(subject.values(1));
      await owner.deliver(old);
      await owner.deliver(owner.frame(subject.values(2)));
      await owner.deliver(old);
      await subject.holds([1, 2]);
    });

    test("bears an owner that wakes late", async (subject) => {
      const zombie = await subject.open();
      const first = zombie.frame(subject.values(1));
      const paused = zombie.frame(subject.values(2));
      await zombie.deliver(first);
      const next = await zombie.takeOver();
      await next.deliver(first);
      await next.deliver(paused);
      await next.deliver(next.frame(subject.values(3)));
      await zombie.deliver(paused);
      await subject.holds([1, 2, 3]);
    });

    test("bears two owners that deliver the same frames at once", async (subject) => {
      const zombie = await subject.open();
      const frames = [zombie.frame(subject.values(1)), zombie.frame(subject.values(2))];
      const next = await zombie.takeOver();
      frames.push(next.frame(subject.values(3)));
      await Promise.all([
        (async () => {
          for (const frame of frames.slice(0, 2)) await zombie.deliver(frame);
        })(),
        (async () => {
          for (const frame of frames) await next.deliver(frame);
        })(),
      ]);
      await subject.holds([1, 2, 3]);
    });

    test("gives up as retryable when its time is over, and delivers later", async (subject) => {
      const owner = await subject.open();
      const frame = owner.frame(subject.values(1));
      await assert.rejects(owner.deliver(frame, AbortSignal.abort()), { code: "UNAVAILABLE", retryable: true });
      await owner.deliver(frame);
      await subject.holds([1]);
    });
  });
}

/** Opens owners of one task and compares what the service holds. */
class Subject<T> {
  readonly #subject: SinkUnderTest<T>;
  readonly #owners: Owner<T>[] = [];

  constructor(subject: SinkUnderTest<T>) {
    this.#subject = subject;
  }

  async open(options: Partial<OwnerOptions> = {}): Promise<Owner<T>> {
    const { sink, connections } = this.#subject;
    const owner = await Owner.open(sink, { connections, ...options });
    this.#owners.push(owner);
    return owner;
  }

  values(version: number): T[] {
    return KEYS.map((key) => this.#subject.value(key, version));
  }

  async holds(versions: readonly number[]): Promise<void> {
    const expected = this.#subject.keeps === "latest" ? versions.slice(-1) : versions;
    const held = await this.#subject.read();
    assert.deepEqual(
      Object.fromEntries(held),
      Object.fromEntries(expected.length === 0 ? [] : KEYS.map((key) => [key, expected])),
    );
  }

  async close(): Promise<void> {
    for (const owner of this.#owners) await owner.task.close();
    await this.#subject.close?.();
  }
}
