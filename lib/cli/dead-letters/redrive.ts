import type { EventData, EventHubProducerClient } from "@azure/event-hubs";
import type { RunnableFunction } from "../../azure/runtime.ts";
import { type CheckpointStore, createCheckpointStore, type LogStatus } from "../../checkpoint/index.ts";
import { formatRedrive, REDRIVE_LATE_PROPERTY, REDRIVE_PROPERTY } from "../../engine/redrive.ts";
import { TidemarkError } from "../../errors.ts";
import { hubError } from "../../sources/hub-error.ts";
import type { Access } from "../access.ts";
import { eventTimeNow, latenessOf, obstacleOf, replayOf, updateObstacle } from "./judge.ts";
import { Redriven } from "./redriven.ts";
import type { StoredRecord } from "./stored-record.ts";

/** What to do with events that are late by now. */
export const LATE_POLICIES = ["refuse", "update", "side-output"] as const;

export type LatePolicy = (typeof LATE_POLICIES)[number];

/** What became, or would become, of a record. */
export type Fate = "published" | "again" | "late" | "impossible";

export interface Verdict {
  readonly record: StoredRecord;
  readonly fate: Fate;
  /** Why it is not published, or what will become of it. */
  readonly because?: string;
}

export interface RedriveOptions {
  readonly late: LatePolicy;
  /** Only says what would happen. */
  readonly dryRun: boolean;
  readonly functionsFolder: string;
}

/** What a record is judged by. */
interface Court {
  readonly functions: readonly RunnableFunction[];
  readonly logs: CheckpointStore;
  readonly redriven: Redriven;
  readonly late: LatePolicy;
}

/** Loads the app, judges records by its pipelines, and publishes those that can go back. */
export async function redriveRecords(
  access: Access,
  records: readonly StoredRecord[],
  { late, dryRun, functionsFolder }: RedriveOptions,
): Promise<Verdict[]> {
  const [{ loadApp }, { runtime }, { azureBlobs }, { realWorld }] = await Promise.all([
    import("../../azure/registry.ts"),
    import("../../azure/runtime.ts"),
    import("../../checkpoint/azure-blobs.ts"),
    import("../../azure/world.ts"),
  ]);
  await loadApp(functionsFolder);
  const container = await access.container();
  const redriven = new Redriven(container);
  const logs = createCheckpointStore({ blobs: azureBlobs(container), world: realWorld });
  const { functions } = runtime;
  const verdicts = await judgeRecords(records, { functions, logs, redriven, late });
  if (dryRun) return verdicts;
  const fit = verdicts.filter(({ fate }) => fate === "published").map(({ record }) => record);
  for (const lot of Map.groupBy(fit, ({ pipeline, partition }) => `${pipeline}/${partition}`).values()) {
    const producer = await producerOf(access, functions, lot[0] as StoredRecord);
    await publish(lot, { producer, redriven, late, now: () => new Date(realWorld.now()) });
  }
  return verdicts;
}

/** A client of the hub that a record's pipeline reads. */
async function producerOf(access: Access, functions: readonly RunnableFunction[], { pipeline }: StoredRecord) {
  const { connection, hub } = (functionOf(functions, pipeline) as RunnableFunction).description;
  const need = { name: connection, service: "Event Hubs", usedBy: "tidemark dead-letters redrive" } as const;
  return access.connections([need]).eventHubProducer(connection, hub);
}

function functionOf(functions: readonly RunnableFunction[], pipeline: string): RunnableFunction | undefined {
  return functions.find(({ description }) => description.pipeline === pipeline);
}

/** Says for each record whether it can go back, oldest first; a message with several records goes back once. */
async function judgeRecords(records: readonly StoredRecord[], court: Court): Promise<Verdict[]> {
  const messages = new Map<string, StoredRecord>();
  for (const record of records) {
    const key = `${record.generation} ${record.id}`;
    // Of several records of one message the strictest counts: a late one.
    if (messages.get(key)?.kind !== "late") messages.set(key, record);
  }
  const sorted = [...messages.values()].sort(
    (a, b) =>
      compare(a.pipeline, b.pipeline) ||
      compare(a.partition, b.partition) ||
      a.generation - b.generation ||
      a.sequenceNumber - b.sequenceNumber,
  );
  const statuses = new Map<string, Promise<LogStatus | undefined>>();
  const verdicts: Verdict[] = [];
  for (const record of sorted) verdicts.push({ record, ...(await judge(record, court, statuses)) });
  return verdicts;
}

const NOT_BEGUN = "its log was reset and has not begun anew: let an event or a sweep begin it first";

async function judge(
  record: StoredRecord,
  { functions, logs, redriven, late }: Court,
  statuses: Map<string, Promise<LogStatus | undefined>>,
): Promise<Omit<Verdict, "record">> {
  const { pipeline, partition } = record;
  const fn = functionOf(functions, pipeline);
  if (fn === undefined) return { fate: "impossible", because: `the app has no pipeline "${pipeline}"` };
  const { plan } = fn.pipeline;
  const obstacle = obstacleOf(record, plan);
  if (obstacle !== undefined) return { fate: "impossible", because: obstacle };
  const before = await redriven.when(record);
  if (before !== undefined) return { fate: "again", because: `it was published at ${before}` };
  const task = `${pipeline}/${partition}`;
  const peeked = statuses.get(task) ?? logs.peek({ pipeline, partition });
  statuses.set(task, peeked);
  const status = await peeked;
  // Where the next generation begins is not known yet: what is published now might come before that.
  if (status === undefined) return { fate: "impossible", because: NOT_BEGUN };
  const replay = replayOf(record, status);
  if (replay !== undefined) return { fate: "impossible", because: replay };
  const { watermark } = status;
  const lateness = latenessNow(record, watermark, fn);
  if (lateness === undefined) return { fate: "published" };
  if (late === "update") {
    const obstacle = updateObstacle(eventTimeNow(record, plan), watermark, plan);
    return obstacle === undefined ? { fate: "published" } : { fate: "late", because: obstacle };
  }
  return { fate: late === "refuse" ? "late" : "published", because: lateness };
}

function latenessNow(record: StoredRecord, watermark: number, { pipeline }: RunnableFunction): string | undefined {
  // A watermark never goes back, and a longer grace does not bring back the state of a window that was closed.
  if (record.kind === "late") return record.reason;
  const time = eventTimeNow(record, pipeline.plan);
  return time === undefined ? undefined : latenessOf(time, watermark, pipeline.plan);
}

interface Publishing {
  readonly producer: EventHubProducerClient;
  readonly redriven: Redriven;
  readonly late: LatePolicy;
  readonly now: () => Date;
}

/** Publishes records of one partition and notes it request by request. */
async function publish(records: readonly StoredRecord[], { producer, redriven, late, now }: Publishing): Promise<void> {
  const { partition } = records[0] as StoredRecord;
  for (let rest = records; rest.length > 0; ) {
    const sent = await sendLot(producer, rest, late).catch((thrown: unknown) => {
      throw hubError(thrown, producer.eventHubName, partition);
    });
    // After a crash before this, they are published once more, and the task drops them.
    await redriven.note(sent, now());
    rest = rest.slice(sent.length);
  }
}

/** Sends as many records as fit into one request; resolves with those. */
async function sendLot(
  producer: EventHubProducerClient,
  records: readonly StoredRecord[],
  late: LatePolicy,
): Promise<StoredRecord[]> {
  const batch = await producer.createBatch({ partitionId: (records[0] as StoredRecord).partition });
  const sent: StoredRecord[] = [];
  for (const record of records) {
    if (!batch.tryAdd(messageOf(record, late))) break;
    sent.push(record);
  }
  if (sent.length === 0) {
    const { id } = records[0] as StoredRecord;
    throw new TidemarkError("LIMIT_EXCEEDED", `${id} is too large for the hub, with the property that names it.`, {
      fix: "Redrive the others by their ids.",
    });
  }
  await producer.sendBatch(batch);
  return sent;
}

/** The original message, with a property that says which it was. */
function messageOf({ body, properties, sequenceNumber, key }: StoredRecord, late: LatePolicy): EventData {
  const redrive = {
    [REDRIVE_PROPERTY]: formatRedrive({ sequenceNumber, key }),
    // Said in any case: what is brought back once by "update" must not update by a property that it kept.
    [REDRIVE_LATE_PROPERTY]: late,
  };
  return {
    body: Buffer.from(body, "base64"),
    properties: { ...(properties as NonNullable<EventData["properties"]>), ...redrive },
  };
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, "en", { numeric: true });
}
