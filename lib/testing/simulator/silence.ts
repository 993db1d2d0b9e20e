import { count, sum } from "../../aggregates/index.ts";
import type { CommitMetrics } from "../../engine/meter.ts";
import { cosmos } from "../../sinks/index.ts";
import { partitionForKey } from "../../sources/partition-key.ts";
import { stream } from "../../stream/stream.ts";
import { tumbling } from "../../stream/window.ts";
import { mulberry32 } from "../virtual-world.ts";
import type { Oracle } from "./checks.ts";
import { type Cluster, START_TIME } from "./cluster.ts";
import type { SimApp, SimEvent, Waking } from "./config.ts";
import { type Expectation, sideLine } from "./expectation.ts";
import { type FaultKind, QUEUE_KINDS, USUAL_KINDS } from "./faults.ts";
import { schemaOf } from "./workload.ts";

interface Visit {
  readonly id: string;
  readonly place: string;
  /** Event time, milliseconds since the epoch. */
  readonly at: number;
  readonly value: number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** Event time has nothing to do with the clock; it goes as fast, or slower. */
const EVENT_START = Date.UTC(2001, 0, 1);
const OUT_OF_ORDER = 10 * SECOND;
/** How much later than its time an event comes at most, unless it is meant to be late. */
const JITTER = 8 * SECOND;
const IDLE = 30 * SECOND;
const SIZE = 2 * MINUTE;
/** More than clocks may be off: a window that closes early for that is updated, and nothing is late. */
const PATIENT_GRACE = 6 * MINUTE;
const SHORT_GRACE = 10 * SECOND;
/** How far a clock may be off. */
const SKEW = 5 * MINUTE;
const HUB = "visits";
const CONTAINER = "visits";

const Visits = schemaOf((value): value is Visit => typeof (value as Visit).place === "string");

function pipelineOf(grace: number) {
  return stream("visits", Visits)
    .eventTime((visit) => visit.at, { outOfOrder: OUT_OF_ORDER, idle: IDLE })
    .keyBy((visit) => visit.place)
    .window(tumbling(SIZE, { grace }))
    .aggregate("stats", { visits: count(), total: sum((visit) => visit.value) })
    .map("document", ({ key: place, windowEnd: _, ...rest }) => ({
      id: `${place}-${Date.parse(rest.windowStart)}`,
      place,
      ...rest,
    }))
    .to(cosmos({ databaseName: "simulated", containerName: CONTAINER, partitionKey: "/place" }));
}

const PATIENT = pipelineOf(PATIENT_GRACE);
const STRICT = pipelineOf(SHORT_GRACE);

/** What takes messages or events away, so that only a sweep can find them, or what a sweep is not asked to bear. */
const NEEDS_SWEEP: ReadonlySet<FaultKind> = new Set([
  // A process takes its own message for one under way until its time, although a queue gave it too early.
  ...QUEUE_KINDS.filter((kind) => kind !== "message-twice"),
  ...["host-skip", "host-abandon", "host-jump", "takeover"],
  // An owner that commits by the clock and dies before it asks for the next time leaves no batch to be given again.
  "crash",
  // A message is given up after some tries.
  ...["blob-outage", "blob-narrow", "cosmos-outage", "hub-outage"],
  // A clock that is put back makes its process believe that a message is still under way.
  "clock",
] as FaultKind[]);
/** Not here: what was lost or is read again from the beginning had its time by another clock. */
const NEVER: ReadonlySet<FaultKind> = new Set(["retention", "retention-loss", "reset"] as FaultKind[]);

/** How a seed lets tasks be woken, and what may go wrong then. */
export interface Silence {
  readonly waking: Waking;
  readonly kinds: readonly FaultKind[];
  readonly skewed: boolean;
}

/** What a seed decides of the silence, but for the time at which the last event comes. */
function drawSilence(seed: number): Omit<Silence, "waking"> & { readonly waking: (lastAt: number) => Waking } {
  const random = mulberry32(seed ^ 0x51e9ce);
  const skewed = random() < 0.5;
  const swept = random() < 0.6;
  const scaleIn = random() < 0.6;
  const kinds = [...USUAL_KINDS, ...QUEUE_KINDS].filter(
    (kind) => !NEVER.has(kind) && (skewed || kind !== "clock") && (swept || !NEEDS_SWEEP.has(kind)),
  );
  const waking = (lastAt: number): Waking => ({
    sweepEvery: swept ? 5 * MINUTE : undefined,
    until: lastAt + SIZE + PATIENT_GRACE + 10 * MINUTE,
    scaleInAt: scaleIn ? lastAt + Math.floor(random() * MINUTE) : undefined,
  });
  return { waking, kinds, skewed };
}

/** What may go wrong in a seed's silence. */
export function silentKinds(seed: number): readonly FaultKind[] {
  return drawSilence(seed).kinds;
}

export interface SilentWorkloadOptions {
  readonly seed: number;
  readonly events: number;
  readonly partitions: number;
}

/** Windows that close by silence alone, and events of which it is known for sure whether they are late. */
export function silentWorkload(options: SilentWorkloadOptions): {
  readonly app: SimApp;
  readonly silence: Silence;
  readonly oracle: Oracle;
} {
  const { seed, partitions } = options;
  const settings = drawSilence(seed);
  const { skewed } = settings;
  const skew = skewed ? SKEW : 0;
  const bounds = Array.from({ length: partitions }, () => new Bounds(skew));
  const drawn = drawVisits(options, skewed ? PATIENT_GRACE : SHORT_GRACE, bounds);
  const app: SimApp = {
    functions: [{ pipeline: skewed ? PATIENT : STRICT, hub: HUB }],
    hubs: [{ name: HUB, partitions, maxBytes: 1_000_000 }],
    containers: [{ database: "simulated", container: CONTAINER, partitionKey: ["/place"] }],
    events: drawn.map(({ sim }) => sim),
    endless: true,
    onFrame: (cluster, frame) => checkFrame(cluster, frame, bounds[Number(frame.partition)] as Bounds),
  };
  const lastAt = drawn.at(-1)?.sim.at ?? 0;
  return { app, silence: { ...settings, waking: settings.waking(lastAt) }, oracle: () => expectationOf(drawn) };
}

interface Drawn {
  readonly sim: SimEvent;
  readonly visit: Visit;
  readonly late: boolean;
}

/** In bursts and with silences; now and then an event that is late whatever silence did. */
function drawVisits(
  { seed, events, partitions }: SilentWorkloadOptions,
  grace: number,
  bounds: readonly Bounds[],
): readonly Drawn[] {
  const random = mulberry32(seed ^ 0x5117e);
  const below = (limit: number): number => Math.floor(random() * limit);
  const speed = random() < 0.5 ? 1 : 0.25;
  /** Milliseconds between two events of a burst. */
  const pace = random() < 0.75 ? 80 : 1_500;
  const drawn: Drawn[] = [];
  const watermarks = new Map<number, number>();
  let at = 0;
  for (let i = 0; i < events; i++) {
    const gap = random();
    at += gap < 0.85 ? below(pace) : gap < 0.95 ? below(15 * SECOND) : 30 * SECOND + below(5 * MINUTE);
    const place = `p${below(6)}`;
    const partition = partitionForKey(place, partitions);
    const bound = bounds[partition] as Bounds;
    const watermark = watermarks.get(partition);
    const late = watermark !== undefined && random() < 0.05;
    const inTime = EVENT_START + Math.floor(speed * at) - below(JITTER);
    const most = bound.before(START_TIME + at);
    const close = endOf(inTime) + grace <= most;
    const time = late ? watermark - SIZE - grace - 1 - below(MINUTE) : close ? most : inTime;
    const visit: Visit = { id: `v${i}`, place, at: time, value: below(50) };
    watermarks.set(partition, Math.max(watermark ?? Number.NEGATIVE_INFINITY, time - OUT_OF_ORDER));
    bound.add(START_TIME + at, time - OUT_OF_ORDER);
    const body = Buffer.from(JSON.stringify(visit));
    drawn.push({ sim: { hub: HUB, partition, at, body, partitionKey: place }, visit, late });
  }
  return drawn;
}

function endOf(time: number): number {
  return Math.floor(time / SIZE) * SIZE + SIZE;
}

/** How far event time may have come on a partition, by position. */
class Bounds {
  readonly #skew: number;
  readonly #enqueued: number[] = [];
  /** The most that events and the silences between them justify, clocks being as wrong as they may be. */
  readonly #most: number[] = [];
  /** The same by the hub's clock: what the next silence is counted from. */
  readonly #sober: number[] = [];

  constructor(skew: number) {
    this.#skew = skew;
  }

  /** Before the next event, when that comes at a time. */
  before(enqueued: number): number {
    return this.at(this.#enqueued.length, enqueued);
  }

  add(enqueued: number, watermark: number): void {
    const most = Math.max(this.before(enqueued), watermark);
    const last = this.#enqueued.length - 1;
    const silence = enqueued - (this.#enqueued[last] ?? enqueued);
    this.#most.push(most);
    this.#sober.push(Math.max(bySilence(this.#sober[last] ?? Number.NEGATIVE_INFINITY, silence), watermark));
    this.#enqueued.push(enqueued);
  }

  /** At a position and a time. Silence counts until the next event came: a hub that holds one is not silent. */
  at(position: number, now: number): number {
    const last = position - 1;
    const since = this.#enqueued[last];
    if (since === undefined) return Number.NEGATIVE_INFINITY;
    const silence = Math.min(now, this.#enqueued[position] ?? now) - since + this.#skew;
    return Math.max(this.#most[last] as number, bySilence(this.#sober[last] as number, silence));
  }
}

function bySilence(watermark: number, silence: number): number {
  return silence >= IDLE ? watermark + silence : watermark;
}

function checkFrame(cluster: Cluster, { position, watermark, partition }: CommitMetrics, bounds: Bounds): void {
  if (position === 0) return;
  // Silence counts up to the moment at which the hub was seen empty.
  const seen = cluster.hub(HUB).asked[Number(partition)] ?? 0;
  const tooFar = watermark - bounds.at(position, seen);
  if (tooFar > 0) cluster.watch.violate(`visits/${partition} moved event time ${tooFar} ms too far at ${position}`);
}

function expectationOf(drawn: readonly Drawn[]): Expectation {
  const documents = new Map<
    string,
    { id: string; place: string; windowStart: string; visits: number; total: number }
  >();
  const side: string[] = [];
  for (const { visit, late, sim } of drawn) {
    if (late) {
      const body = Buffer.from(sim.body).toString("base64");
      side.push(sideLine({ kind: "late", pipeline: "visits", stage: "stats", body }));
      continue;
    }
    const start = Math.floor(visit.at / SIZE) * SIZE;
    const id = `${visit.place}-${start}`;
    const windowStart = new Date(start).toISOString();
    const before = documents.get(id) ?? { id, place: visit.place, windowStart, visits: 0, total: 0 };
    documents.set(id, { ...before, visits: before.visits + 1, total: before.total + visit.value });
  }
  return { documents: new Map([[CONTAINER, documents]]), sent: new Map(), side: side.sort() };
}
