import assert from "node:assert/strict";
import { messageOf, TidemarkError } from "../../errors.ts";
import type { Owner, TestFrame } from "./owner.ts";
import { KEYS, type SinkUnderTest, Subject } from "./subject.ts";

export type { SinkUnderTest } from "./subject.ts";

/** One thing that every sink must hold. */
export interface ConformanceCase {
  readonly name: string;
  /** Rejects with an AssertionError that says what a reader finds and what it should. */
  run(): Promise<void>;
}

/**
 * What every sink must hold, as named cases for any test runner: run them on a sink of your own. `make` is called for
 * each case and gives a sink that nothing was written to yet.
 * @example
 * const cases = sinkConformance<{ id: string; version: number }>(async () => ({
 *   sink: mySink,
 *   keeps: "latest",
 *   value: (key, version) => ({ id: key, version }),
 *   read: async () => new Map(),
 * }));
 * for (const { name, run } of cases) it(name, run);
 */
export function sinkConformance<T>(make: () => Promise<SinkUnderTest<T>>): readonly ConformanceCase[] {
  return Object.entries(CASES).map(([name, body]) => ({
    name,
    run: async () => {
      const subject = new Subject(await make());
      try {
        await body(subject as Subject<unknown>);
      } finally {
        await subject.close();
      }
    },
  }));
}

type Body = (subject: Subject<unknown>) => Promise<void>;

const CASES: Readonly<Record<string, Body>> = {
  "delivers every value of every frame": async (subject) => {
    const owner = await subject.open();
    await owner.deliver(owner.frame(subject.values(1)));
    await owner.deliver(owner.frame(subject.values(2)));
    await subject.holds([1, 2]);
  },

  "keeps the order of a key within a frame": async (subject) => {
    const owner = await subject.open();
    await owner.deliver(owner.frame([...subject.values(1), ...subject.values(2), ...subject.values(3)]));
    await subject.holds([1, 2, 3]);
  },

  "makes nothing of an empty frame": async (subject) => {
    const owner = await subject.open();
    assert.deepEqual(await owner.deliver(owner.frame([])), { refused: [] }, "Nothing was refused of no values.");
    await subject.holds([]);
  },

  "makes once of twice": async (subject) => {
    const owner = await subject.open();
    const frame = owner.frame(subject.values(1));
    await owner.deliver(frame);
    await owner.deliver(frame);
    await subject.holds([1]);
  },

  "makes once of twice when a second owner delivers again": async (subject) => {
    const owner = await subject.open();
    const frames = [owner.frame(subject.values(1)), owner.frame(subject.values(2))];
    for (const frame of frames) await owner.deliver(frame);
    const next = subject.keep(await owner.takeOver());
    for (const frame of frames) await next.deliver(frame);
    await next.deliver(next.frame(subject.values(3)));
    await subject.holds([1, 2, 3]);
  },

  "does not let an older frame replace a newer one": async (subject) => {
    const owner = await subject.open();
    const old = owner.frame(subject.values(1));
    await owner.deliver(old);
    await owner.deliver(owner.frame(subject.values(2)));
    await owner.deliver(old);
    await subject.holds([1, 2]);
  },

  "bears an owner that wakes late": async (subject) => {
    const zombie = await subject.open();
    const first = zombie.frame(subject.values(1));
    const paused = zombie.frame(subject.values(2));
    await zombie.deliver(first);
    const next = subject.keep(await zombie.takeOver());
    await next.deliver(first);
    await next.deliver(paused);
    await next.deliver(next.frame(subject.values(3)));
    await zombie.deliver(paused);
    await subject.holds([1, 2, 3]);
  },

  "bears two owners that deliver the same frames at once": async (subject) => {
    const zombie = await subject.open();
    const frames = [zombie.frame(subject.values(1)), zombie.frame(subject.values(2))];
    const next = subject.keep(await zombie.takeOver());
    const deliverAll = async (owner: Owner<unknown>, list: readonly TestFrame[]): Promise<void> => {
      for (const frame of list) await owner.deliver(frame);
    };
    const own = next.frame(subject.values(3));
    await Promise.all([deliverAll(zombie, frames), deliverAll(next, [...frames, own])]);
    await subject.holds([1, 2, 3]);
  },

  "keeps tasks apart: each numbers its own frames": async (subject) => {
    const [some, others] = [KEYS.slice(0, 2), KEYS.slice(2)];
    const ahead = await subject.open({ partition: "0", tasks: 2 });
    const behind = await subject.open({ partition: "1", tasks: 2 });
    for (const version of [1, 2]) await ahead.deliver(ahead.frame(subject.values(version, some)));
    await behind.deliver(behind.frame([1, 2].flatMap((version) => subject.values(version, others))));
    await subject.holds([1, 2]);
  },

  "begins anew after a reset, and bears an owner from before it": async (subject) => {
    if (subject.under.keeps === "every") return;
    const before = await subject.open();
    await before.deliver(before.frame(subject.values(1)));
    const paused = before.frame(subject.values(2));
    const next = subject.keep(await before.reset());
    await next.deliver(next.frame(subject.values(3)));
    await before.deliver(paused);
    await subject.holds([3]);
  },

  "gives up as retryable when its time is over, and delivers later": async (subject) => {
    const owner = await subject.open();
    const frame = owner.frame(subject.values(1));
    await assert.rejects(owner.deliver(frame, AbortSignal.abort()), isRetryable);
    await owner.deliver(frame);
    await subject.holds([1]);
  },

  "loses nothing when the service fails in the midst of a frame": async (subject) => {
    const { interrupt } = subject.under;
    if (interrupt === undefined) return;
    const owner = await subject.open();
    for (const version of [1, 2]) {
      const frame = owner.frame(subject.values(version));
      interrupt();
      await owner.deliver(frame).catch(isRetryable);
      await owner.deliver(frame);
    }
    await subject.holds([1, 2]);
  },

  "refuses what can never be written, as often as it is asked, and writes the rest": async (subject) => {
    const { impossible } = subject.under;
    if (impossible === undefined) return;
    const owner = await subject.open();
    const value = impossible();
    const prepared = owner.takes(value);
    const frame = owner.frame([...subject.values(1), ...(prepared ? [value] : []), ...subject.values(2)]);
    for (const time of ["first", "second"]) {
      const { refused } = await owner.deliver(frame);
      assert.equal(refused.length, prepared ? 1 : 0, `The ${time} delivery reports ${refused.length} refused values.`);
    }
    await owner.deliver(owner.frame(subject.values(3)));
    await subject.holds([1, 2, 3]);
  },
};

function isRetryable(thrown: unknown): true {
  if (thrown instanceof TidemarkError && thrown.retryable) return true;
  throw new assert.AssertionError({
    message: `What fails for a time must be a TidemarkError that is retryable, not: ${messageOf(thrown)}`,
    actual: thrown,
  });
}
