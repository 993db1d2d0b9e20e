import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ambiguous, type CheckpointLog, createCheckpointStore } from "../../lib/checkpoint/index.ts";
import { type BlobCall, type BlobHook, memoryBlobs } from "../../lib/testing/memory-blobs.ts";
import { frameOf, plain, SHAPE, seededWorld, start, TASK } from "./support.ts";

type Trouble = <T>(call: BlobCall, proceed: () => T) => Promise<T>;

/** A log over a connection whose next appends meet with trouble. */
async function troubledLog(blobs = memoryBlobs(), seed = 1) {
  const troubles: Trouble[] = [];
  const hook: BlobHook = async (call, proceed) => {
    const trouble = call.call === "append" ? troubles.shift() : undefined;
    return trouble ? trouble(call, proceed) : proceed();
  };
  const store = createCheckpointStore({ blobs: blobs.via(hook), world: seededWorld(seed), limits: { attempts: 3 } });
  const log = await store.open(TASK, SHAPE, start);
  return { blobs, log, troubles, reopen: (): Promise<CheckpointLog> => store.open(TASK, SHAPE, start) };
}

const lost: Trouble = async ({ call, blob }, proceed) => {
  proceed();
  throw ambiguous(call, blob);
};
const refused: Trouble = async ({ call, blob }) => {
  throw ambiguous(call, blob);
};

describe("an append nobody answered", () => {
  it("is sent again and recognised when it had landed", async () => {
    const { blobs, log, troubles, reopen } = await troubledLog();
    const before = blobs.calls.append;
    troubles.push(lost);
    const stamp = await log.append(frameOf(8, { ORD: 1 }));
    assert.equal(blobs.calls.append, before + 2);
    await log.append(frameOf(9, { ORD: 2 }));
    const { recovered } = await reopen();
    assert.deepEqual([stamp.sequence, recovered.sequence, recovered.position], [2, 4, 9]);
  });

  it("is sent again when it had not", async () => {
    const { log, troubles, reopen } = await troubledLog();
    troubles.push(refused, refused);
    await log.append(frameOf(8, { ORD: 1 }));
    assert.equal((await reopen()).recovered.position, 8);
  });

  it("lands late and is refused, after the same bytes landed on the second try", async () => {
    const { log, troubles, reopen } = await troubledLog();
    const late: (() => unknown)[] = [];
    troubles.push(async ({ call, blob }, proceed) => {
      late.push(proceed);
      throw ambiguous(call, blob);
    });
    await log.append(frameOf(8, { ORD: 1 }));
    assert.equal(late[0]?.(), "elsewhere");
    await log.append(frameOf(9, { ORD: 2 }));
    assert.deepEqual(plain((await reopen()).recovered.state), { counts: { 0: { ORD: 2 } } });
  });

  it("ends the log after so many tries, and may still turn out to have been committed", async () => {
    const { blobs, log, troubles, reopen } = await troubledLog();
    troubles.push(lost, refused, refused);
    await assert.rejects(log.append(frameOf(8, { ORD: 1 })), { code: "UNAVAILABLE", retryable: true });
    const appends = blobs.calls.append;
    // A frame made anew must not be sent: the first one may have landed and would be taken for it.
    await assert.rejects(log.append(frameOf(8, { ORD: 2, LGA: 3 })), { code: "FENCED" });
    assert.equal(blobs.calls.append, appends);
    assert.equal(await log.superseded(), true);
    assert.deepEqual(plain((await reopen()).recovered.state), { counts: { 0: { ORD: 1 } } });
  });

  it("is not taken for a frame of another owner with the same sequence and generation", async () => {
    const blobs = memoryBlobs();
    const { log, troubles } = await troubledLog(blobs);
    // Before the append arrives, another owner's fence takes its place: the same number, other bytes.
    troubles.push(async (_call, proceed) => {
      await createCheckpointStore({ blobs, world: seededWorld(2) }).open(TASK, SHAPE, start);
      return proceed();
    });
    await assert.rejects(log.append(frameOf(8, { ORD: 1 })), { code: "FENCED" });
    const { recovered } = await createCheckpointStore({ blobs, world: seededWorld(3) }).open(TASK, SHAPE, start);
    assert.deepEqual(plain(recovered.state), {});
  });

  it("may be a fence: it is recognised too", async () => {
    const { troubles, reopen, log } = await troubledLog();
    await log.append(frameOf(8, { ORD: 1 }));
    troubles.push(lost);
    assert.deepEqual((await reopen()).recovered.sequence, 3);
  });

  it("does not hide that storage went back in time", async () => {
    const { blobs, log } = await troubledLog();
    await log.append(frameOf(8, { ORD: 1 }));
    const [segment] = (await blobs.list("")).filter(({ name }) => name.includes("/log/"));
    const name = segment?.name ?? "";
    const older = Buffer.from(blobs.contents(name)?.subarray(0, (segment?.size ?? 0) - 10) ?? []);
    await blobs.remove(name);
    await blobs.createAppend(name);
    await blobs.append(name, 0, older);
    await assert.rejects(log.append(frameOf(9, {})), { code: "LOG_DAMAGED", message: /went back in time/ });
    await assert.rejects(log.append(frameOf(9, {})), { code: "FENCED" });
  });
});

describe("an opening in trouble", () => {
  it("asks for the start once, although two begin the log at once", async () => {
    const blobs = memoryBlobs();
    let asked = 0;
    const open = (seed: number, position: number) =>
      createCheckpointStore({ blobs, world: seededWorld(seed) }).open(TASK, SHAPE, async () => {
        asked++;
        return { position, hubCreated: 1 };
      });
    const logs = await Promise.all([open(1, 10), open(2, 20)]);
    assert.equal(asked, 2);
    const [first, second] = logs.map(({ recovered }) => recovered);
    assert.deepEqual(first?.start, second?.start, "both begin where the marker's creator said");
    assert.deepEqual([first?.sequence, second?.sequence].toSorted(), [1, 2]);
    const outcomes = await Promise.allSettled(logs.map((log) => log.append(frameOf(30, { ORD: 1 }))));
    assert.deepEqual(outcomes.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  });

  it("does not begin anew when only a crashed beginner's header is there", async () => {
    const blobs = memoryBlobs();
    const hook: BlobHook = async (call, proceed) => {
      if (call.call === "create") throw new Error("crashed before the marker");
      return proceed();
    };
    const crashed = createCheckpointStore({ blobs: blobs.via(hook), world: seededWorld(1) });
    await assert.rejects(crashed.open(TASK, SHAPE, start), /crashed/);
    const store = createCheckpointStore({ blobs, world: seededWorld(2) });
    assert.equal(await store.peek(TASK), undefined);
    assert.equal((await store.open(TASK, SHAPE, start)).recovered.sequence, 1);
  });

  it("does not go on from what storage has lost meanwhile", async () => {
    const blobs = memoryBlobs();
    const { log } = await troubledLog(blobs);
    await log.append(frameOf(8, { ORD: 1 }));
    const hook: BlobHook = async ({ call, blob }, proceed) => {
      if (call === "append") {
        const older = Buffer.from(blobs.contents(blob)?.subarray(0, -10) ?? []);
        await blobs.remove(blob);
        await blobs.createAppend(blob);
        await blobs.append(blob, 0, older);
      }
      return proceed();
    };
    const store = createCheckpointStore({ blobs: blobs.via(hook), world: seededWorld(2) });
    await assert.rejects(store.open(TASK, SHAPE, start), {
      code: "LOG_DAMAGED",
      message: /shorter than what was read/,
    });
  });

  it("reads on from where it was when the owner keeps writing", async () => {
    const blobs = memoryBlobs();
    const { log: owner } = await troubledLog(blobs);
    let disturbances = 5;
    const hook: BlobHook = async (call, proceed) => {
      if (call.call === "append" && disturbances-- > 0)
        await owner.append(frameOf(20 - disturbances, { [disturbances]: 1 }));
      return proceed();
    };
    const store = createCheckpointStore({ blobs: blobs.via(hook), world: seededWorld(2) });
    const lists = blobs.calls.list;
    const { recovered } = await store.open(TASK, SHAPE, start);
    assert.equal(blobs.calls.list, lists + 1, "the log was looked for once");
    assert.equal(recovered.position, 20);
    assert.deepEqual(Object.keys(plain(recovered.state).counts?.[0] ?? {}), ["0", "1", "2", "3", "4"]);
  });
});
