import type { HubEvent } from "../../engine/ports.ts";
import { partitionForKey } from "../../sources/partition-key.ts";
import { type Expectation, type Losses, type SideFacts, sideLine } from "./expectation.ts";
import { rowText } from "./file-rows.ts";
import {
  isHeavy,
  LEGS_FILES,
  LEGS_HUB,
  LEGS_MAX_BYTES,
  LEGS_PARTITIONS,
  type Leg,
  legsOf,
  type Reading,
  STATS_FILES,
  TIMES,
} from "./workload.ts";

/** What a message takes of a hub's limit beside its body. */
const MESSAGE_OVERHEAD = 24;

interface Judged {
  readonly reading: Reading;
  readonly event: HubEvent;
  /** As it was before this event. */
  readonly watermark: number;
}

/** Which parts of the workload a run has. */
export interface Parts {
  readonly has: (pipeline: "stats" | "legs") => boolean;
  /** Whether any sink writes files; otherwise no rows are expected. */
  readonly writesFiles: boolean;
  /** Whether the code behind a window ends its process at a result. */
  readonly kills: (result: unknown) => boolean;
}

/**
 * The results of the built-in workload, or of those pipelines that a run has, by a plain fold over its events, written
 * down without the engine: partition by partition, event by event, no batches, no state to keep.
 */
export function foldWorkload(
  partitions: readonly (readonly HubEvent[])[],
  losses: Losses,
  { has, writesFiles, kills }: Parts,
): Expectation {
  const side: string[] = [];
  const stats = new Map<string, unknown>();
  const routes = new Tumbling(TIMES.routes);
  const sent = new Map<string, string[]>();
  const files = new Map<string, string[]>();
  for (const [partition, events] of partitions.entries()) {
    if (has("stats")) {
      const ofTask = new Tumbling(TIMES.stats);
      foldStats(kept(events, losses, `stats/${partition}`), ofTask, side);
      const [killing, found] = parted([...ofTask.documents(statsDocument)], ([, document]) => kills(document));
      for (const _ of killing) side.push(line("dead-letter", "stats", "document", undefined));
      for (const [id, document] of found) stats.set(id, document);
      const rows = writesFiles ? found.map(([, document]) => statsRow(document)) : [];
      files.set(`${STATS_FILES} of stats/${partition}`, rows);
    }
    if (!has("legs")) continue;
    const rows: string[] | undefined = writesFiles ? [] : undefined;
    files.set(`${LEGS_FILES} of legs/${partition}`, rows ?? []);
    foldLegs(partition, kept(events, losses, `legs/${partition}`), routes, { sent, rows, side });
  }
  const documents = new Map([
    ["stats", stats],
    ["routes", routes.documents(({ key: route, values, ...rest }) => ({ route, legs: values.length, ...rest }))],
  ]);
  return { documents, sent: new Map([[LEGS_HUB, sent]]), side: side.sort(), files };
}

/** Those of which something is true, and the others. */
function parted<T>(items: readonly T[], isTrue: (item: T) => boolean): [T[], T[]] {
  return [items.filter(isTrue), items.filter((item) => !isTrue(item))];
}

function statsDocument({ key, values, ...rest }: Folded) {
  return { key, readings: values.length, ...rest, median: median(values) };
}

/** As `readFiles` tells it: in the folder of the hour in which its window began. */
function statsRow(document: object): string {
  const { windowStart } = document as Folded;
  return `date=${windowStart.slice(0, 10)}/hour=${windowStart.slice(11, 13)}/ ${rowText({ ...document })}`;
}

/** What the legs of all partitions come to. */
interface LegsOutput {
  readonly sent: Map<string, string[]>;
  /** As `readFiles` tells them. */
  readonly rows: string[] | undefined;
  readonly side: string[];
}

function kept(events: readonly HubEvent[], losses: Losses, task: string): readonly HubEvent[] {
  const ranges = losses.get(task) ?? [];
  return events.filter(({ sequenceNumber: n }) => !ranges.some(({ from, to }) => n >= from && n < to));
}

function foldStats(events: readonly HubEvent[], windows: Tumbling, side: string[]): void {
  for (const { reading, event, watermark } of judge("stats", events, side)) {
    if (windows.isLate(reading.at, watermark)) side.push(line("late", "stats", "stats", event.body));
    else windows.add(reading.key, reading.at, reading.value);
  }
}

function foldLegs(
  partition: number,
  events: readonly HubEvent[],
  windows: Tumbling,
  { sent, rows, side }: LegsOutput,
): void {
  for (const { reading, watermark } of judge("legs", events, side)) {
    if (!isHeavy(reading)) continue;
    for (const leg of legsOf(reading)) {
      const body = JSON.stringify(leg);
      rows?.push(`${minuteOf(leg.at)} ${rowText({ ...leg })}`);
      if (Buffer.byteLength(body) + MESSAGE_OVERHEAD > LEGS_MAX_BYTES) {
        side.push(line("dead-letter", "legs", `hub:${LEGS_HUB}`, undefined));
        continue;
      }
      const channel = `legs/${partition}>${partitionForKey(leg.route, LEGS_PARTITIONS)}`;
      const before = sent.get(channel);
      if (before === undefined) sent.set(channel, [body]);
      else before.push(body);
      foldRoute(leg, body, watermark, windows, side);
    }
  }
}

/** The folder of a time's minute. */
function minuteOf(at: number): string {
  const time = new Date(at).toISOString();
  return `date=${time.slice(0, 10)}/hour=${time.slice(11, 13)}/minute=${time.slice(14, 16)}/`;
}

function foldRoute(leg: Leg, body: string, watermark: number, windows: Tumbling, side: string[]): void {
  if (windows.isLate(leg.at, watermark)) side.push(line("late", "routes", "stats", Buffer.from(body)));
  else windows.add(leg.route, leg.at, leg.value);
}

/** What both pipelines of the source hub have in common: decoding, the watermark, dropping duplicates, failing code. */
function* judge(pipeline: "stats" | "legs", events: readonly HubEvent[], side: string[]): Generator<Judged> {
  let watermark = Number.NEGATIVE_INFINITY;
  const accepted = new Map<string, number[]>();
  for (const event of events) {
    if (event.body.length === 0) {
      watermark = Number.POSITIVE_INFINITY;
      continue;
    }
    const reading = parse(event.body);
    if (reading === undefined) {
      side.push(line("dead-letter", pipeline, "source", event.body));
      continue;
    }
    if (reading.kills !== undefined) {
      side.push(line("dead-letter", pipeline, "source", event.body));
      continue;
    }
    const before = watermark;
    const times = accepted.get(reading.id) ?? [];
    const late = reading.at + TIMES.within <= before;
    const repeated = times.some((time) => Math.abs(time - reading.at) <= TIMES.within);
    const reaches = pipeline === "stats" || isHeavy(reading);
    if (!late && !repeated && reading.fails && reaches) {
      side.push(line("dead-letter", pipeline, pipeline === "stats" ? "sound" : "legs", event.body));
      continue;
    }
    watermark = Math.max(watermark, reading.at - TIMES.outOfOrder);
    if (late) side.push(line("late", pipeline, "by-id", event.body));
    else if (!repeated) {
      accepted.set(reading.id, [...times, reading.at]);
      yield { reading, event, watermark: before };
    }
  }
}

function parse(body: Uint8Array): Reading | undefined {
  try {
    const reading = JSON.parse(Buffer.from(body).toString()) as Reading;
    return typeof reading.key === "string" ? reading : undefined;
  } catch {
    return undefined;
  }
}

function line(kind: string, pipeline: string, stage: string, body: Uint8Array | undefined): string {
  const facts: SideFacts = { kind, pipeline, stage, body: body && Buffer.from(body).toString("base64") };
  return sideLine(facts);
}

interface Folded {
  readonly key: string;
  readonly windowStart: string;
  readonly windowEnd: string;
  readonly total: number;
  readonly most: number;
  readonly values: readonly number[];
}

class Tumbling {
  readonly #size: number;
  readonly #grace: number;
  readonly #values = new Map<string, { key: string; start: number; values: number[] }>();

  constructor({ size, grace }: { readonly size: number; readonly grace: number }) {
    this.#size = size;
    this.#grace = grace;
  }

  isLate(at: number, watermark: number): boolean {
    return this.#startOf(at) + this.#size + this.#grace <= watermark;
  }

  add(key: string, at: number, value: number): void {
    const start = this.#startOf(at);
    const id = `${key}-${start}`;
    const cell = this.#values.get(id) ?? { key, start, values: [] };
    this.#values.set(id, cell);
    cell.values.push(value);
  }

  documents(toDocument: (folded: Folded) => object): Map<string, object> {
    const folded = [...this.#values].map(([id, { key, start, values }]): [string, object] => {
      const [windowStart, windowEnd] = [start, start + this.#size].map((time) => new Date(time).toISOString()) as [
        string,
        string,
      ];
      const total = values.reduce((sum, value) => sum + value, 0);
      const most = Math.max(...values);
      return [id, { id, ...toDocument({ key, windowStart, windowEnd, total, most, values }) }];
    });
    return new Map(folded);
  }

  #startOf(at: number): number {
    return Math.floor(at / this.#size) * this.#size;
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length / 2) - 1] as number;
}
