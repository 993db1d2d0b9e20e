import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { getEventListeners } from "node:events";
import { after, before, describe, it } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { END_OF_TIME, NO_WATERMARK } from "../../lib/engine/frame.ts";
import type { World } from "../../lib/engine/ports.ts";
import { type HubServer, type PublishFault, startHubServer } from "../../lib/local/hub/index.ts";
import { toHub } from "../../lib/sinks/hub.ts";
import { partitionForKey } from "../../lib/sources/partition-key.ts";
import { sinkConformance } from "./conformance.ts";
import { type ReadMessage, readPartition, withoutRepeats } from "./hub-reading.ts";
import { hastyWorld, localConnections, Owner, type OwnerOptions } from "./support.ts";

interface Leg {
  readonly route: string;
  readonly version: number;
}

const PARTITIONS = 4;
let server: HubServer;
let connections: ReturnType<typeof localConnections>;

before(async () => {
  server = await startHubServer({ port: 0, hubs: [] });
  connections = localConnections({ hub: server.connectionString });
});
after(async () => {
  await connections.close();
  await server.stop();
});

function newHub(partitions = PARTITIONS): { readonly name: string; readonly sink: ReturnType<typeof sinkOn> } {
  const name = `legs-${randomUUID()}`;
  server.declare({ name, partitions });
  return { name, sink: sinkOn(name, partitions) };
}

const sinkOn = (eventHubName: string, partitions = PARTITIONS) =>
  toHub<Leg>({ eventHubName, partitions, key: ({ route }) => route });

/** Here a send may take 300 ms, not seconds. */
const briskWorld: World = {
  ...hastyWorld,
  sleep: (milliseconds, signal) =>
    wait(milliseconds > 5_000 ? 300 : Math.min(milliseconds, 5), undefined, signal ? { signal } : {}),
};

const leg = (route: string, version = 1): Leg => ({ route, version });

/** A route of each target partition. */
const ROUTES = Array.from({ length: PARTITIONS }, (_, target) => {
  for (let i = 0; ; i++) if (partitionForKey(`R${i}`, PARTITIONS) === target) return `R${i}`;
});

async function readAll(hub: string): Promise<ReadMessage[][]> {
  return Promise.all(Array.from({ length: PARTITIONS }, (_, partition) => readPartition(server, hub, partition)));
}

const sequences = (messages: readonly ReadMessage[]) => messages.map(({ header }) => header.sequence);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

sinkConformance<Leg>("hub sink", async () => {
  const { name, sink } = newHub();
  return {
    sink,
    connections,
    keeps: "every",
    value: leg,
    read: async () => {
      const legs = (await readAll(name)).flatMap((messages) =>
        withoutRepeats(messages).map(({ value }) => value as Leg),
      );
      const byRoute = Map.groupBy(legs, ({ route }) => route);
      return new Map([...byRoute].map(([route, versions]) => [route, versions.map(({ version }) => version)]));
    },
    impossible: () => leg("x".repeat(1024 * 1024), 0),
  };
});

describe("hub sink", () => {
  const open = (sink: ReturnType<typeof sinkOn>, options: Partial<OwnerOptions> = {}) =>
    Owner.open(sink, { connections, ...options });

  it("sends JSON with the producer's header to the partition of the key", async () => {
    const { name, sink } = newHub();
    const owner = await open(sink, { pipeline: "legs", partition: "2", tasks: 3 });
    await owner.deliver(owner.frame([leg("ORD-LGA", 7)], 1_000));
    const [message] = await readPartition(server, name, partitionForKey("ORD-LGA", PARTITIONS));
    assert.deepEqual(message?.value, { route: "ORD-LGA", version: 7 });
    assert.deepEqual(message?.header, {
      producer: "legs/2",
      generation: 1,
      sequence: 1,
      watermark: 1_000,
      producers: 3,
      control: false,
    });
  });

  it("tells every target a watermark that it has not heard, once", async () => {
    const { name, sink } = newHub();
    const owner = await open(sink);
    await owner.deliver(owner.frame([leg(ROUTES[1] as string)], 500, { watermark: 400 }));
    await owner.deliver(owner.frame([], 500));
    await owner.deliver(owner.frame([leg(ROUTES[2] as string)], 600, { watermark: 600 }));
    await owner.deliver(owner.frame([], END_OF_TIME));
    const seen = (await readAll(name)).map((messages) =>
      messages.map(({ header }) => [header.sequence, header.watermark, header.control]),
    );
    const quiet = [
      [1, 500, true],
      [2, 600, true],
      [3, END_OF_TIME, true],
    ];
    assert.deepEqual(seen[0], quiet);
    assert.deepEqual(seen[3], quiet);
    assert.deepEqual(seen[1], [
      [1, 400, false],
      [2, 500, true],
      [3, 600, true],
      [4, END_OF_TIME, true],
    ]);
    assert.deepEqual(seen[2], [
      [1, 500, true],
      [2, 600, false],
      // What an event carries is no promise: the same watermark is told once more.
      [3, 600, true],
      [4, END_OF_TIME, true],
    ]);
  });

  it("sends no watermark before there is one", async () => {
    const { name, sink } = newHub();
    const owner = await open(sink);
    assert.deepEqual(owner.frame([]).messages, []);
    assert.deepEqual(
      (await readAll(name)).map((messages) => messages.length),
      [0, 0, 0, 0],
    );
  });

  it("keeps sequences dense and watermarks told over restarts", async () => {
    const { name, sink } = newHub();
    let owner = await open(sink);
    for (let frame = 1; frame <= 6; frame++) {
      await owner.deliver(
        owner.frame(
          [...ROUTES, ...ROUTES].map((route) => leg(route, frame)),
          frame,
        ),
      );
      await owner.deliver(owner.frame([], frame));
      owner = await owner.takeOver();
    }
    for (const messages of await readAll(name)) assert.deepEqual(sequences(messages), upTo(18));
  });

  it("never has two sends to one target under way, and sends to targets at once", async () => {
    const { name, sink } = newHub();
    const owner = await open(sink);
    const frames = upTo(5).map((version) => owner.frame(ROUTES.map((route) => leg(route, version))));
    const release = Promise.withResolvers<void>();
    const attempts: number[] = [];
    const together = Promise.withResolvers<void>();
    server.faults.publish = ({ hub, partition }): PublishFault | undefined => {
      if (hub !== name) return undefined;
      attempts.push(partition);
      if (new Set(attempts).size === PARTITIONS) together.resolve();
      return { delay: release.promise };
    };
    const delivering = Promise.all(frames.map((frame) => owner.deliver(frame)));
    await together.promise;
    // Whatever else was going to be sent without waiting would have been by now.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(attempts.toSorted(), [0, 1, 2, 3]);
    release.resolve();
    await delivering;
    server.faults.publish = undefined;
    for (const messages of await readAll(name)) assert.deepEqual(sequences(messages), upTo(5));
  });

  it("keeps the order when sends fail, before the service took them and after", async () => {
    const { name, sink } = newHub();
    const owner = await open(sink, { world: briskWorld });
    const faults: PublishFault[] = [
      { reject: { condition: "com.microsoft:server-busy", description: "busy" } },
      { disconnect: "before" },
      { disconnect: "after" },
      { reject: { condition: "com.microsoft:timeout", description: "slow" } },
      { disconnect: "after" },
    ] as PublishFault[];
    let asked = 0;
    server.faults.publish = ({ hub }) => (hub === name && asked++ % 2 === 0 ? faults[(asked - 1) / 2] : undefined);
    for (const version of upTo(6)) {
      await owner.deliver(owner.frame([...ROUTES, ...ROUTES].map((route) => leg(route, version))));
    }
    server.faults.publish = undefined;
    assert.ok(asked > 10, "the faults came");
    for (const messages of await readAll(name)) {
      assert.deepEqual(sequences(withoutRepeats(messages)), upTo(12));
      const dense = sequences(messages).every((sequence, at, all) => sequence <= (all[at - 1] ?? 0) + 1);
      assert.ok(dense, `overtaken: ${sequences(messages)}`);
    }
  });

  it("does not wait for the SDK's long time-out when a connection breaks under a send", async () => {
    const { name, sink } = newHub();
    const patient = localConnections({ hub: server.connectionString }, { maxRetries: 0, timeoutInMs: 60_000 });
    const owner = await open(sink, { connections: patient, world: briskWorld });
    await owner.deliver(owner.frame([leg("a", 1)]));
    let broken = false;
    server.faults.publish = ({ hub }) => {
      if (hub !== name || broken) return undefined;
      broken = true;
      return { disconnect: "before" };
    };
    await owner.deliver(owner.frame([leg("a", 2)]), AbortSignal.timeout(10_000));
    server.faults.publish = undefined;
    const messages = await readPartition(server, name, partitionForKey("a", PARTITIONS));
    assert.deepEqual(sequences(withoutRepeats(messages)), [1, 2]);
    await patient.close();
  });

  it("outlives a hub that is away for a while", async () => {
    const first = await startHubServer({ port: 0, hubs: [{ name: "legs", partitions: PARTITIONS }] });
    const to = localConnections({ hub: first.connectionString });
    const owner = await open(sinkOn("legs"), { connections: to });
    await owner.deliver(owner.frame(ROUTES.map((route) => leg(route, 1))));
    await first.stop();
    const frame = owner.frame(ROUTES.map((route) => leg(route, 2)));
    await assert.rejects(owner.deliver(frame, AbortSignal.timeout(200)), { code: "UNAVAILABLE", retryable: true });
    const delivering = owner.deliver(frame);
    const back = await startHubServer({ port: first.port, hubs: [{ name: "legs", partitions: PARTITIONS }] });
    await delivering;
    const messages = await Promise.all(ROUTES.map((_, partition) => readPartition(back, "legs", partition)));
    assert.deepEqual(
      messages.map((each) => withoutRepeats(each).map(({ value }) => (value as Leg).version)),
      [[2], [2], [2], [2]],
    );
    await to.close();
    await back.stop();
  });

  it("does not deliver a frame before an unfinished one", async () => {
    const { sink } = newHub();
    const owner = await open(sink);
    const [first, second] = [1, 2].map((version) => owner.frame([leg("a", version)]));
    assert.ok(first && second);
    await assert.rejects(owner.deliver(first, AbortSignal.abort()), { code: "UNAVAILABLE" });
    await assert.rejects(owner.deliver(second), {
      code: "SEQUENCE_GAP",
      message: /took message 0, and the next to send is 2/,
    });
    await owner.deliver(first);
    await owner.deliver(second);
  });

  it("leaves nothing behind on the signal of its caller, however sends end", async () => {
    const { sink } = newHub();
    const owner = await open(sink, { world: briskWorld });
    const { signal } = new AbortController();
    let faults = 0;
    server.faults.publish = () => (faults++ === 1 ? { disconnect: "before" } : undefined);
    for (let i = 0; i < 3; i++) await owner.deliver(owner.frame(ROUTES.map((route) => leg(route, i))), signal);
    server.faults.publish = undefined;
    assert.ok(faults > 5);
    assert.deepEqual(getEventListeners(signal, "abort"), []);
  });

  it("splits what does not fit into one batch", async () => {
    const { name, sink } = newHub();
    const owner = await open(sink);
    const route = ROUTES[0] as string;
    const bulky = upTo(40).map((version) => ({ ...leg(route, version), pad: "x".repeat(100_000) }));
    await owner.deliver(owner.frame(bulky));
    assert.deepEqual(sequences(await readPartition(server, name, 0)), upTo(40));
  });

  it("refuses a value that is too large for a message, or has no key", async () => {
    const { sink } = newHub();
    const owner = await open(sink);
    const pad = "x".repeat(1024 * 1024);
    assert.throws(() => owner.frame([{ ...leg("a"), pad } as Leg]), {
      code: "SINK_REFUSED",
      message: /takes \d+ bytes/,
    });
    assert.throws(() => owner.frame([{ version: 1 } as Leg]), { code: "SINK_REFUSED", message: /key.*undefined/ });
    assert.deepEqual(owner.frame([leg("a")]).messages.length, 1);
  });

  it("puts a control message without a watermark in the place of a message that this hub finds too large", async () => {
    const small = await startHubServer({
      port: 0,
      maxMessageBytes: 10_000,
      hubs: [{ name: "legs", partitions: PARTITIONS }],
    });
    const to = localConnections({ hub: small.connectionString });
    const owner = await open(sinkOn("legs"), { connections: to });
    const route = ROUTES[0] as string;
    const large = { ...leg(route, 2), pad: "x".repeat(20_000) };
    const { refused } = await owner.deliver(owner.frame([leg(route, 1), large, leg(route, 3)], 5));
    assert.equal(refused.length, 1);
    assert.match(String(refused[0]?.reason), /at most \d+ bytes/);
    const messages = await readPartition(small, "legs", 0);
    assert.deepEqual(
      messages.map(({ header, value }) => [header.sequence, header.watermark, (value as Leg | undefined)?.version]),
      [
        [1, 5, 1],
        [2, NO_WATERMARK, undefined],
        [3, 5, 3],
        [4, 5, undefined],
      ],
    );
    const next = await owner.deliver(owner.frame([leg(route, 4)], 5));
    assert.deepEqual(next.refused, [], "it is told once");
    await to.close();
    await small.stop();
  });

  it("refuses a hub with another number of partitions", async () => {
    const { name } = newHub(2);
    await assert.rejects(open(sinkOn(name, 4)), { code: "CONFIGURATION", message: /has 2 partitions.*partitions: 4/ });
  });
});
