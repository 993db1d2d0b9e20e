import { count, max, quantile, sum } from "../../aggregates/index.ts";
import { MARKER_PROPERTY } from "../../engine/headers.ts";
import { cosmos, files, toHub } from "../../sinks/index.ts";
import { partitionForKey } from "../../sources/partition-key.ts";
import type { Pipeline } from "../../stream/pipeline.ts";
import type { Schema } from "../../stream/schema.ts";
import { type Stream, stream } from "../../stream/stream.ts";
import { tumbling } from "../../stream/window.ts";
import { mulberry32 } from "../virtual-world.ts";
import { START_TIME } from "./cluster.ts";
import type { SimApp, SimEvent, SimHoles } from "./config.ts";
import type { Death } from "./deadly.ts";

/** What the sources of the built-in workload carry. */
export interface Reading {
  readonly id: string;
  readonly key: string;
  /** Event time, milliseconds since the epoch. */
  readonly at: number;
  readonly value: number;
  /** User code throws for it. */
  readonly fails?: boolean;
  /** User code ends the process that runs it. */
  readonly kills?: Death;
  /** Makes the event as large as its text. */
  readonly note?: string;
}

/** What the first pipeline of the chain sends to the second. */
export interface Leg {
  readonly id: string;
  readonly route: string;
  readonly at: number;
  readonly value: number;
  readonly note?: string;
}

const SECOND = 1_000;

/** Bounds of the workload's event time, for the pipelines and for the plain recomputation of their results. */
export const TIMES = {
  outOfOrder: 8 * SECOND,
  within: 60 * SECOND,
  stats: { size: 30 * SECOND, grace: 40 * SECOND },
  routes: { size: 60 * SECOND, grace: 20 * SECOND },
} as const;

export const SOURCE_HUB = "readings";
export const LEGS_HUB = "legs";
export const LEGS_PARTITIONS = 2;
/** Names of sinks of files. */
export const LEGS_FILES = "files:files/legs";
export const STATS_FILES = "files:files/stats";
/** So small that a frame takes several batches, and that a large event fits into none. */
export const LEGS_MAX_BYTES = 500;

function isReading(value: unknown): value is Reading {
  const { id, key, at, value: number } = (value ?? {}) as Record<string, unknown>;
  return typeof id === "string" && typeof key === "string" && Number.isInteger(at) && Number.isInteger(number);
}

/** A schema without a library: what it does not accept becomes a dead letter. */
export function schemaOf<T>(accepts: (value: unknown) => value is T): Schema<T> {
  const validate = (value: unknown) => (accepts(value) ? { value } : { issues: [{ message: "not of this kind" }] });
  return { "~standard": { version: 1, vendor: "tidemark", validate } };
}

/** What user code does with an event that it cannot stand. */
export function isSound(reading: Reading): Reading {
  if (reading.fails) throw new Error("user code failed");
  return reading;
}

export function isHeavy({ value }: Reading): boolean {
  return value % 5 !== 0;
}

/** One leg or two; fails, when it does, after the first. */
export function* legsOf(reading: Reading): Generator<Leg> {
  const { id, key, at, value, note } = reading;
  yield { id: `${id}-a`, route: `${key}-${value % 3}`, at, value, ...(note === undefined ? {} : { note }) };
  isSound(reading);
  if (value % 2 === 1) yield { id: `${id}-b`, route: `${key}-x`, at: at + 1, value: value * 2 };
}

const Readings = schemaOf(isReading);
const Legs = schemaOf((value): value is Leg => typeof (value as Leg).route === "string");
const database = "simulated";

function statsThat(emit: "updates" | "final") {
  return stream("stats", Readings)
    .eventTime((reading) => reading.at, { outOfOrder: TIMES.outOfOrder })
    .dedupe("by-id", (reading) => reading.id, { within: TIMES.within })
    .map("sound", isSound)
    .keyBy((reading) => reading.key)
    .window(tumbling(TIMES.stats.size, { grace: TIMES.stats.grace, emit }))
    .aggregate("stats", {
      readings: count(),
      total: sum((reading) => reading.value),
      most: max((reading) => reading.value),
      median: quantile(0.5, (reading) => reading.value),
    })
    .map("document", ({ key, ...rest }) => ({ id: `${key}-${Date.parse(rest.windowStart)}`, key, ...rest }));
}

const stats = statsThat("updates");

const statsContainer = cosmos<{ readonly id: string; readonly key: string }>({
  databaseName: database,
  containerName: "stats",
  partitionKey: "/key",
});

const legs = stream("legs", Readings)
  .eventTime((reading) => reading.at, { outOfOrder: TIMES.outOfOrder })
  .dedupe("by-id", (reading) => reading.id, { within: TIMES.within })
  .filter("heavy", isHeavy)
  .flatMap("legs", legsOf);

const legsHub = toHub<Leg>({ eventHubName: LEGS_HUB, partitions: LEGS_PARTITIONS, key: (leg) => leg.route });

/** What a seed's statistics go to: documents, and in one seed of twelve files too, of which the last version counts. */
function statsOfSeed(seed: number): Pipeline {
  const random = mulberry32(seed ^ 0x57a75);
  const chance = random();
  if (chance >= 0.08) return PIPELINES.stats;
  const target = {
    container: "files",
    path: "stats",
    roll: chance < 0.04 ? "commit" : "folder",
    key: (row: StatsRow) => row.id,
  } as const;
  if (random() >= 0.15) return stats.to(statsContainer, files<StatsRow>(target));
  return stats.to(statsContainer, files<StatsRow>({ ...target, format: "parquet", columns: STATS_COLUMNS }));
}

type StatsRow = typeof stats extends Stream<infer Row, infer _> ? Row : never;

const STATS_COLUMNS = {
  id: "string",
  key: "string",
  windowStart: "timestamp",
  windowEnd: "timestamp",
  readings: "int32",
  total: "int64",
  most: "double",
  median: "double",
} as const;

/** What a seed's legs go to: the hub, and in one seed of four files too, of each commit or of each minute. */
function legsOfSeed(seed: number): Pipeline {
  const random = mulberry32(seed ^ 0xf11e);
  const chance = random();
  if (chance >= 0.25) return PIPELINES.legs;
  const target = {
    container: "files",
    path: "legs",
    partitionBy: "minute",
    roll: chance < 0.125 ? "commit" : "folder",
  } as const;
  // Parquet takes longer to write, and to read in the end.
  if (random() >= 0.15) return legs.to(legsHub, files<Leg>(target));
  return legs.to(legsHub, files<Leg>({ ...target, format: "parquet", columns: LEG_COLUMNS }));
}

const LEG_COLUMNS = { id: "string", route: "string", at: "timestamp", value: "int64", note: "string" } as const;

const routes = stream("routes", Legs)
  .eventTime((leg) => leg.at, { watermark: "upstream" })
  .keyBy((leg) => leg.route)
  .window(tumbling(TIMES.routes.size, { grace: TIMES.routes.grace }))
  .aggregate("stats", { legs: count(), total: sum((leg) => leg.value), most: max((leg) => leg.value) })
  .map("document", ({ key: route, ...rest }) => ({ id: `${route}-${Date.parse(rest.windowStart)}`, route, ...rest }))
  .to(cosmos({ databaseName: database, containerName: "routes", partitionKey: "/route" }));

/** The pipelines of the built-in workload: one straight to Cosmos DB, and two in a chain over a hub. */
export const PIPELINES: { readonly stats: Pipeline; readonly legs: Pipeline; readonly routes: Pipeline } = {
  stats: stats.to(statsContainer),
  legs: legs.to(legsHub),
  routes,
};

/** The first of them with one result a window: how often one that ends its process is updated would depend on batches. */
const FINAL_STATS: Pipeline = statsThat("final").to(statsContainer);

/** Which of the pipelines a run has: the one straight to Cosmos DB, the two in a chain over a hub, or all three. */
export type Scope = "straight" | "chain" | "all";

export interface WorkloadOptions {
  /** Default all. */
  readonly scope?: Scope;
  /** How many events end the process that runs their code. */
  readonly deadly?: number;
  /** How many windows' results end the process that runs the code behind them; only the pipeline straight to Cosmos DB. */
  readonly deadlyResults?: number;
  readonly seed: number;
  readonly events: number;
  readonly partitions: number;
}

/** The built-in workload with the events of a seed. */
export function builtInWorkload(options: WorkloadOptions): SimApp {
  const { scope = "all", seed, deadly, deadlyResults } = options;
  const events = drawEvents(options);
  const straight = { pipeline: deadlyResults ? FINAL_STATS : statsOfSeed(seed), hub: SOURCE_HUB };
  const killing = drawKilling(options, events);
  const chained = [
    { pipeline: legsOfSeed(options.seed), hub: SOURCE_HUB },
    { pipeline: routes, hub: LEGS_HUB },
  ];
  return {
    functions: [...(scope === "chain" ? [] : [straight]), ...(scope === "straight" ? [] : chained)],
    hubs: [
      { name: SOURCE_HUB, partitions: options.partitions, maxBytes: 1_000_000 },
      { name: LEGS_HUB, partitions: LEGS_PARTITIONS, maxBytes: LEGS_MAX_BYTES },
    ],
    containers: [
      { database, container: "stats", partitionKey: ["/key"] },
      { database, container: "routes", partitionKey: ["/route"] },
    ],
    events,
    holes: drawHoles(options, events.at(-1)?.at ?? 0),
    rowKeys: { [STATS_FILES]: ({ id }) => String(id) },
    ...(deadly || deadlyResults
      ? { deathOf: (value) => (value as Reading).kills ?? killing.get(resultName(value)) }
      : {}),
  };
}

/** Windows whose results end the process, by `resultName`: each of a reading that comes. */
function drawKilling(
  { seed, deadlyResults = 0 }: WorkloadOptions,
  events: readonly SimEvent[],
): ReadonlyMap<string, Death> {
  const random = mulberry32(seed ^ 0xdead);
  const killing = new Map<string, Death>();
  const readings = deadlyResults === 0 ? [] : events.flatMap(({ body }) => soundReading(body) ?? []);
  for (let i = 0; i < deadlyResults; i++) {
    const { key, at } = readings[Math.floor(random() * readings.length)] as Reading;
    const windowStart = new Date(Math.floor(at / TIMES.stats.size) * TIMES.stats.size).toISOString();
    killing.set(resultName({ key, windowStart }), random() < 0.7 ? "memory" : "loop");
  }
  return killing;
}

function resultName(value: unknown): string {
  const { key, windowStart } = value as { readonly key?: string; readonly windowStart?: string };
  return `${key} ${windowStart}`;
}

function soundReading(body: Uint8Array): Reading | undefined {
  const text = Buffer.from(body).toString();
  const value: unknown = text.length > 1 ? JSON.parse(text) : undefined;
  return isReading(value) && !value.fails && value.kills === undefined ? value : undefined;
}

/** In one seed of eight, numbers that no event gets, as transactions take them: between events, or behind the last. */
function drawHoles({ seed, partitions }: WorkloadOptions, lastAt: number): readonly SimHoles[] {
  const random = mulberry32(seed ^ 0x401e5);
  if (random() >= 0.125) return [];
  const below = (limit: number): number => Math.floor(random() * limit);
  return Array.from({ length: 2 + below(10) }, (_, index): SimHoles => {
    const at = index === 0 && random() < 0.5 ? lastAt + below(5_000) : below(lastAt);
    return { hub: SOURCE_HUB, partition: below(partitions), at, numbers: 1 + below(3) };
  });
}

/** Readings of a seed: in bursts, out of order, some of them late, twice, malformed, too large, or failing. */
function drawEvents({ seed, events, partitions, deadly = 0 }: WorkloadOptions): readonly SimEvent[] {
  const random = mulberry32(seed ^ 0xe7e17);
  const below = (limit: number): number => Math.floor(random() * limit);
  const drawn: SimEvent[] = [];
  const readings: Reading[] = [];
  const killers = new Set(Array.from({ length: deadly }, () => below(events)));
  let at = 0;
  const send = (body: string, key: string): void => {
    const partition = partitionForKey(key, partitions);
    drawn.push({ hub: SOURCE_HUB, partition, at, body: Buffer.from(body), partitionKey: key });
  };
  for (let i = 0; i < events; i++) {
    // In bursts, with pauses that let tasks come to rest.
    at += random() < 0.055 ? below(10_000) : below(30);
    const kind = random();
    const old = readings[below(readings.length)];
    if (kind < 0.08 && old !== undefined) send(JSON.stringify(old), old.key);
    else if (kind < 0.1) send(kind < 0.09 ? "{" : JSON.stringify({ id: i }), `k${below(6)}`);
    else {
      const behind = random() < 0.06 ? below(200) * SECOND : below(25) * SECOND;
      const reading: Reading = {
        id: `r${i}`,
        key: `k${below(6)}`,
        at: START_TIME + i * 2_500 - behind,
        value: below(50),
        ...(random() < 0.02 ? { note: "x".repeat(LEGS_MAX_BYTES) } : {}),
      };
      // The same event again without what makes it fail: a failure must not have left its id behind.
      if (random() < 0.06) send(JSON.stringify({ ...reading, fails: true }), reading.key);
      if (killers.has(i)) {
        send(JSON.stringify({ ...reading, kills: random() < 0.7 ? "memory" : "loop" }), reading.key);
        continue;
      }
      readings.push(reading);
      send(JSON.stringify(reading), reading.key);
    }
  }
  at += 2_000;
  for (let partition = 0; partition < partitions; partition++) {
    const properties = { [MARKER_PROPERTY]: "end" };
    drawn.push({ hub: SOURCE_HUB, partition, at, body: new Uint8Array(0), properties });
  }
  return drawn;
}
