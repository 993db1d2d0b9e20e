import type { EventHubsOptions } from "../config/host-json.ts";
import type { ReceivedEvent } from "./received-event.ts";

/** What a partition needs to run batches and to remember how far it came. */
export interface PartitionPorts {
  /** Runs one invocation to its end, retries included; false: it is to be delivered again, and nothing after it now. */
  invoke(events: readonly ReceivedEvent[], checkpointing: boolean): Promise<boolean>;
  checkpoint(event: ReceivedEvent): Promise<void>;
}

/**
 * One partition of one function: one invocation at a time, and a checkpoint after it whether it succeeded or not.
 * Nothing is checkpointed once the partition is closed, so what ran at that time is delivered again.
 */
export class PartitionRunner {
  readonly #options: EventHubsOptions;
  readonly #single: boolean;
  readonly #ports: PartitionPorts;
  #held: ReceivedEvent[] = [];
  #heldTimer: NodeJS.Timeout | undefined;
  #batchesSinceCheckpoint = 0;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: EventHubsOptions, single: boolean, ports: PartitionPorts) {
    this.#options = options;
    this.#single = single;
    this.#ports = ports;
  }

  /** Takes events in the order of the partition; resolves when they ran or were put aside for a fuller batch. */
  take(events: readonly ReceivedEvent[]): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed || events.length === 0) return;
      if (this.#single) return this.#runSingly(events);
      if (this.#options.minEventBatchSize <= 1) return this.#run(events);
      this.#held.push(...events);
      if (this.#held.length >= this.#options.minEventBatchSize) await this.#runHeld();
      this.#waitForMore();
    });
  }

  /** Stops giving batches and checkpoints; what runs goes on. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#heldTimer);
    this.#held = [];
  }

  async #runHeld(): Promise<void> {
    clearTimeout(this.#heldTimer);
    this.#heldTimer = undefined;
    const batch = this.#held.splice(0, this.#options.maxEventBatchSize);
    if (batch.length > 0) await this.#run(batch);
  }

  // A batch that is too small waits for more, but not longer than maxWaitTime.
  #waitForMore(): void {
    if (this.#held.length === 0 || this.#heldTimer !== undefined || this.#closed) return;
    this.#heldTimer = setTimeout(() => {
      void this.#inTurn(async () => {
        if (!this.#closed) await this.#runHeld();
        this.#waitForMore();
      });
    }, this.#options.maxWaitMs);
  }

  async #run(events: readonly ReceivedEvent[]): Promise<void> {
    const due = this.#countBatch();
    if (!(await this.#ports.invoke(events, due))) return this.close();
    if (due) await this.#checkpoint(events.at(-1));
  }

  async #runSingly(events: readonly ReceivedEvent[]): Promise<void> {
    const due = this.#countBatch();
    let last: ReceivedEvent | undefined;
    for (const event of events) {
      if (this.#closed) break;
      if (!(await this.#ports.invoke([event], due))) return this.close();
      last = event;
    }
    if (due) await this.#checkpoint(last);
  }

  #countBatch(): boolean {
    this.#batchesSinceCheckpoint += 1;
    return this.#batchesSinceCheckpoint >= this.#options.batchCheckpointFrequency;
  }

  async #checkpoint(event: ReceivedEvent | undefined): Promise<void> {
    if (event === undefined || this.#closed) return;
    await this.#ports.checkpoint(event);
    this.#batchesSinceCheckpoint = 0;
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}
