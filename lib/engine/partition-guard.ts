import type { StartPoint } from "../checkpoint/checkpoint-log.ts";
import { TidemarkError } from "../errors.ts";
import type { Plan } from "../stream/plan.ts";
import type { HubEvent, PartitionBounds, TaskId } from "./ports.ts";
import type { TaskPorts } from "./task.ts";

/** For so long keys in unexpected places are taken for a producer's own choice, once the hub was asked. */
const TRUST_MS = 60_000;

/** How often the hub is asked for its partitions at least, while events flow: where keys only go away, no event tells. */
const ASK_EVERY_MS = 60_000;

/** How many other partitions' logs are looked at before a task begins one of its own. */
const SIBLINGS = 4;

/**
 * Keys move when partitions are added to a hub, and state does not move with them: two tasks would each hold a part of
 * one window. So a plan with state stops before the first event that could be in another place than its key's past.
 */
export class PartitionGuard {
  readonly #id: TaskId;
  readonly #ports: TaskPorts;
  readonly #needed: boolean;
  #trustUntil = Number.NEGATIVE_INFINITY;
  #askAt = Number.NEGATIVE_INFINITY;

  constructor(plan: Plan, id: TaskId, ports: TaskPorts) {
    this.#id = id;
    this.#ports = ports;
    this.#needed = plan.stages.some(({ state }) => state !== undefined);
  }

  /** Throws PARTITIONS_CHANGED when a task's state was built with another number of partitions than the hub has now. */
  check({ partitions }: StartPoint, bounds: PartitionBounds): void {
    this.#askAt = this.#ports.world.now() + ASK_EVERY_MS;
    if (!this.#needed || partitions === undefined || partitions === bounds.partitionCount) return;
    throw partitionsChanged(this.#id, partitions, bounds.partitionCount);
  }

  /** The same for a task without a log: others of its pipeline may have had the keys that it would get. */
  async checkSiblings(bounds: PartitionBounds): Promise<void> {
    if (!this.#needed) return;
    for (let partition = 0; partition < Math.min(SIBLINGS, bounds.partitionCount); partition++) {
      if (String(partition) === this.#id.partition) continue;
      const sibling = await this.#ports.checkpoints.peek({ ...this.#id, partition: String(partition) });
      if (sibling === undefined) continue;
      this.check(sibling.start, bounds);
      return;
    }
  }

  /**
   * Asks the hub when an event's key does not belong to its partition, and when it was not asked for a while; throws
   * PARTITIONS_CHANGED.
   */
  async checkEvents(events: readonly HubEvent[], known: StartPoint): Promise<void> {
    const { reader, world } = this.#ports;
    if (!this.#needed || known.partitions === undefined || events.length === 0) return;
    const strays = world.now() >= this.#trustUntil && this.#someStray(events, known.partitions);
    if (!strays && world.now() < this.#askAt) return;
    this.check(known, await reader.bounds());
    // Kafka clients, and producers that choose partitions themselves, have rules of their own.
    if (strays) this.#trustUntil = world.now() + TRUST_MS;
  }

  #someStray(events: readonly HubEvent[], partitions: number): boolean {
    const { reader } = this.#ports;
    const own = Number(this.#id.partition);
    return events.some(({ partitionKey: key }) => {
      return key !== undefined && reader.partitionOf !== undefined && reader.partitionOf(key, partitions) !== own;
    });
  }
}

function partitionsChanged(id: TaskId, before: number, now: number): TidemarkError {
  return new TidemarkError(
    "PARTITIONS_CHANGED",
    `The hub has ${now} partitions, and had ${before} when this pipeline began: keys have moved, and what is known of them has not.`,
    {
      ...id,
      fix:
        "Nothing after the change was processed. Give the pipeline a new name and let it begin after the change, " +
        "handle(…, { from: { time } }), and recompute what spans it from the source; " +
        "or read a hub that a pipeline without state fills by toHub(…), whose partitions stay.",
    },
  );
}
