import type { CheckpointLog, StartPoint } from "../checkpoint/checkpoint-log.ts";
import { TidemarkError } from "../errors.ts";
import type { Plan } from "../stream/plan.ts";
import { sinkStore } from "./chain.ts";
import type { StateContents } from "./frame.ts";
import { Isolation, type Witnesses } from "./isolation.ts";
import type { Meter } from "./meter.ts";
import { Outbox } from "./outbox.ts";
import type { PartitionGuard } from "./partition-guard.ts";
import type { PartitionBounds, TaskId } from "./ports.ts";
import { Processor } from "./processor.ts";
import { resetCommand } from "./reset-command.ts";
import type { Seclusion } from "./seclusion.ts";
import { SIDE_SINK } from "./side-record.ts";
import { type Sink, type SinkTask, WAITING } from "./sink.ts";
import type { TaskPorts } from "./task.ts";

/** What outlives the openings of a task: how commits are reported, and what the process knows of suspect events. */
export interface Lasting {
  readonly meter: Meter;
  readonly witnesses: Witnesses;
  readonly seclusion: Seclusion;
}

/** What a task is made of once its log is open. */
export interface Parts {
  readonly log: CheckpointLog;
  readonly guard: PartitionGuard;
  readonly processor: Processor;
  readonly outbox: Outbox;
  readonly isolation: Isolation;
  readonly sinks: ReadonlyMap<string, SinkTask<unknown>>;
}

export interface Recovery {
  readonly ports: TaskPorts;
  readonly log: CheckpointLog;
  readonly bounds: PartitionBounds;
  readonly lasting: Lasting;
  readonly guard: PartitionGuard;
}

/** Makes a task's parts from what its log holds; throws HUB_RECREATED where the log belongs to another hub. */
export async function recover(
  plan: Plan,
  id: TaskId,
  { ports, log, bounds, lasting, guard }: Recovery,
): Promise<Parts> {
  const { recovered } = log;
  const { start, position, watermark, state, ledger, confirmed, pending } = recovered;
  checkSameHub(id, start, position, bounds);
  guard.check(start, bounds);
  const sinks = await openSinks(plan, id, ports, bounds.partitionCount, state);
  const opening = {
    id,
    start: start.position,
    position,
    watermark,
    state,
    ledger,
    lastEnqueued: bounds.lastEnqueued,
    tables: ports.tables,
    sinks,
  };
  return {
    log,
    guard,
    sinks,
    processor: new Processor(plan, opening),
    outbox: new Outbox(sinks, confirmed, pending),
    isolation: new Isolation(recovered.openingsWithoutProgress, state, lasting.witnesses),
  };
}

async function openSinks(
  plan: Plan,
  id: TaskId,
  { world, connections, sideOutput }: TaskPorts,
  tasks: number,
  state: StateContents,
): Promise<Map<string, SinkTask<unknown>>> {
  const own = (plan.sinks as readonly Sink<unknown>[]).map((sink) => ({ name: sink.name, sink }));
  const sinks = new Map<string, SinkTask<unknown>>();
  refuseStranded(id, state, new Set(own.map(({ name }) => sinkStore(name))));
  for (const { name, sink } of [...own, { name: SIDE_SINK, sink: sideOutput as Sink<unknown> }]) {
    const restored = state.get(sinkStore(name))?.get(0) ?? new Map<string, unknown>();
    try {
      sinks.set(name, await sink.open({ ...id, world, tasks, state: restored, connections }));
    } catch (thrown) {
      await closeSinks(sinks);
      throw thrown;
    }
  }
  return sinks;
}

export async function closeSinks(sinks: Parts["sinks"]): Promise<void> {
  await Promise.allSettled([...sinks.values()].map((sink) => sink.close()));
}

/** What a sink keeps until later must not be forgotten with the sink. */
function refuseStranded(id: TaskId, state: StateContents, known: ReadonlySet<string>): void {
  for (const [store, buckets] of state) {
    if (!store.startsWith(sinkStore("")) || known.has(store)) continue;
    const waits = [...(buckets.get(0) ?? [])].some(([key]) => key.startsWith(WAITING));
    if (!waits) continue;
    const sink = store.slice(sinkStore("").length);
    throw new TidemarkError("PLAN_CHANGED", `Values wait for sink "${sink}", which the plan no longer has.`, {
      ...id,
      fix: "Deploy the sink once more, until its values have left, then remove it.",
    });
  }
}

/** Throws HUB_RECREATED when the hub is not the one that a log belongs to. */
export function checkSameHub(id: TaskId, start: StartPoint, position: number, bounds: PartitionBounds): void {
  if (start.hubCreated === bounds.hubCreated && position <= bounds.next) return;
  const [now, then] = [bounds.hubCreated, start.hubCreated].map((time) => new Date(time).toISOString());
  throw new TidemarkError(
    "HUB_RECREATED",
    `The hub was created at ${now} and will next give sequence number ${bounds.next}, ` +
      `but the checkpoint log belongs to one created at ${then} and read up to ${position}.`,
    {
      ...id,
      fix: `It is another hub under the same name: reset the log to begin anew (${resetCommand(id.pipeline, id.partition)}), or restore the hub.`,
    },
  );
}
