import { randomBytes } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { pack, unpack } from "msgpackr";
import { type FrameStamp, NO_WATERMARK } from "../../engine/frame.ts";
import type { World } from "../../engine/ports.ts";
import type { Connections, DeliveryReport, RecordMeta, Sink, SinkTask } from "../../engine/sink.ts";

/** The real clock, but pauses between attempts (five seconds at most) take a few milliseconds: retries are quick. */
export const hastyWorld: World = {
  now: Date.now,
  random: Math.random,
  nonce: () => randomBytes(16),
  sleep: (milliseconds, signal) =>
    wait(milliseconds > 5_000 ? milliseconds : Math.min(milliseconds, 5), undefined, signal ? { signal } : {}),
};

/** One frame as the checkpoint log keeps it. */
export interface TestFrame {
  readonly stamp: FrameStamp;
  readonly messages: readonly unknown[];
}

const META: RecordMeta = { timestamp: 0, key: undefined, watermark: NO_WATERMARK, enqueuedTime: 0 };

export interface OwnerOptions {
  readonly connections: Connections;
  readonly world?: World;
  readonly pipeline?: string;
  readonly partition?: string;
  readonly tasks?: number;
  /** Of the task's log; grows when the log is reset. Default 1. */
  readonly generation?: number;
}

/**
 * Stands in for the engine: makes frames of values, keeps the sink's store, and lets a second owner open the sink from
 * what the log held. Messages and state go through MessagePack, as they do in the log.
 */
export class Owner<T> {
  readonly #sink: Sink<T>;
  readonly #options: OwnerOptions;
  readonly #state: Map<string, unknown>;
  readonly task: SinkTask<T>;
  #sequence: number;

  private constructor(
    sink: Sink<T>,
    options: OwnerOptions,
    state: Map<string, unknown>,
    sequence: number,
    task: SinkTask<T>,
  ) {
    this.#sink = sink;
    this.#options = options;
    this.#state = state;
    this.#sequence = sequence;
    this.task = task;
  }

  static async open<T>(
    sink: Sink<T>,
    options: OwnerOptions,
    state: ReadonlyMap<string, unknown> = new Map(),
    sequence = 0,
  ): Promise<Owner<T>> {
    const { connections, world = hastyWorld, pipeline = "flights", partition = "0", tasks = 1 } = options;
    const recovered = unpack(pack([...state])) as [string, unknown][];
    const task = await sink.open({ world, pipeline, partition, tasks, state: new Map(recovered), connections });
    return new Owner(sink, options, new Map(recovered), sequence, task);
  }

  /** Another owner takes over: it knows what the log holds. */
  takeOver(): Promise<Owner<T>> {
    return Owner.open(this.#sink, this.#options, this.#state, this.#sequence + 1);
  }

  /** The log is reset: whoever opens it then begins anew, in the next generation. */
  reset(): Promise<Owner<T>> {
    const { generation = 1 } = this.#options;
    return Owner.open(this.#sink, { ...this.#options, generation: generation + 1 });
  }

  /** Whether a value can become a message at all. */
  takes(value: T): boolean {
    try {
      this.task.prepare(value, META);
      return true;
    } catch {
      return false;
    }
  }

  /** Commits a frame of values. */
  frame(values: readonly T[], watermark: number = NO_WATERMARK, meta: Partial<RecordMeta> = {}): TestFrame {
    const { pipeline = "flights", partition = "0", generation = 1 } = this.#options;
    const whole: RecordMeta = { ...META, watermark, ...meta };
    const messages: unknown[] = values
      .map((value) => this.task.accept(this.task.prepare(value, whole)))
      .filter((message) => message !== undefined);
    messages.push(...(this.task.closeFrame?.(watermark) ?? []));
    const changes = this.task.changes?.() ?? [];
    for (let at = 0; at < changes.length; at += 2) {
      if (changes[at + 1] === undefined) this.#state.delete(String(changes[at]));
      else this.#state.set(String(changes[at]), changes[at + 1]);
    }
    const nonce = randomBytes(16).toString("hex");
    const stamp = { pipeline, partition, generation, sequence: ++this.#sequence, nonce };
    return { stamp, messages: unpack(pack(messages)) as unknown[] };
  }

  deliver(frame: TestFrame, signal: AbortSignal = AbortSignal.timeout(20_000)): Promise<DeliveryReport> {
    return this.task.deliver(frame.messages, frame.stamp, signal);
  }
}
