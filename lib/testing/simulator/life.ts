import type { World } from "../../engine/ports.ts";
import { TidemarkError } from "../../errors.ts";
import { mulberry32 } from "../virtual-world.ts";
import type { Faults, Mishap, Service } from "./faults.ts";
import type { Scheduler } from "./scheduler.ts";

export interface LifeContext {
  readonly scheduler: Scheduler;
  readonly faults: Faults;
  /** Called before code of this process goes on; may crash or pause it. */
  readonly gate: (life: Life) => void;
  /** As it is spoken of. */
  readonly name?: string;
  /** Undefined where nobody wants to know what happens. */
  readonly tell?: ((what: string) => void) | undefined;
}

export interface CallOptions {
  readonly service: Service;
  readonly label: string;
  /** Whether the call changes something in the service. */
  readonly changes: boolean;
  /** The error of a call of which nobody knows whether it happened. */
  readonly fail: (mishap: Mishap) => unknown;
  readonly signal?: AbortSignal | undefined;
  /** How much is sent, where that matters. */
  readonly bytes?: number | undefined;
  /** Decided by the caller: what happens to this call, or that nothing does. */
  readonly mishap?: Mishap | "none" | undefined;
}

const OVER = new TidemarkError("UNAVAILABLE", "The time for this batch is over.", { retryable: true });

/** How long a client waits for an answer before it gives the call up. */
const CALL_TIMEOUT_MS = 10_000;
const LATEST_LANDING_MS = 180_000;

/**
 * One process from its start to its end. All that its code awaits comes through here: a process that crashed never
 * sees another promise settle, and a paused one sees them when it wakes; what it sent may arrive all the same.
 */
export class Life implements World {
  readonly instance: number;
  alive = true;
  /** Until when it is paused. */
  wakesAt = 0;
  /** How far its clock is off, milliseconds. */
  clockOffset = 0;
  /** Aborted when the process is told to stop. */
  readonly stop = new AbortController();
  readonly #context: LifeContext;
  readonly #random: () => number;

  constructor(instance: number, seed: number, context: LifeContext) {
    this.instance = instance;
    this.#context = context;
    this.#random = mulberry32(seed);
  }

  get name(): string {
    return this.#context.name ?? `instance ${this.instance}`;
  }

  get faults(): Faults {
    return this.#context.faults;
  }

  get paused(): boolean {
    return this.wakesAt > this.#context.scheduler.now;
  }

  now(): number {
    return this.#context.scheduler.now + this.clockOffset;
  }

  random(): number {
    return this.#random();
  }

  nonce(): Uint8Array {
    const bytes = new Uint8Array(16);
    for (let at = 0; at < 16; at += 4) {
      const word = Math.floor(this.#random() * 4_294_967_296);
      for (let i = 0; i < 4; i++) bytes[at + i] = (word >>> (8 * i)) & 255;
    }
    return bytes;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const abort = (): void => {
        planned.run = undefined;
        reject(signal?.reason);
      };
      const planned = this.after("sleep", milliseconds, () => {
        signal?.removeEventListener("abort", abort);
        resolve();
      });
      signal?.addEventListener("abort", abort, { once: true });
    });
  }

  /** Runs code of this process after a time, if it still lives then; later when it is paused. */
  after(label: string, milliseconds: number, run: () => void): { run: (() => void) | undefined } {
    const { scheduler } = this.#context;
    const planned = scheduler.after(milliseconds, () => {
      const wanted = (): boolean => planned.run !== undefined;
      this.resume(label, () => {
        if (wanted()) run();
      });
    });
    return planned;
  }

  /** A signal for one batch: aborted when its time is over or the process is told to stop, unless it ended before. */
  shift(milliseconds: number): { readonly signal: AbortSignal; readonly end: () => void } {
    const controller = new AbortController();
    const abort = (): void => controller.abort(this.stop.signal.reason ?? OVER);
    const planned = this.after("shift", milliseconds, abort);
    if (this.stop.signal.aborted) abort();
    this.stop.signal.addEventListener("abort", abort, { once: true });
    const end = (): void => {
      planned.run = undefined;
      this.stop.signal.removeEventListener("abort", abort);
    };
    return { signal: controller.signal, end };
  }

  /** Lets code of this process go on: at once, when it wakes, or never. */
  resume(label: string, run: () => void): void {
    if (!this.alive) return;
    const { scheduler, gate } = this.#context;
    if (!this.paused) gate(this);
    if (!this.alive) return;
    if (this.paused) {
      scheduler.after(this.wakesAt - scheduler.now + scheduler.between(0, 20), () => this.resume(label, run));
      return;
    }
    scheduler.trace(label, this.instance);
    run();
  }

  /** A request to a service: `land` is what happens there, at once and whole. */
  call<T>({ service, label, changes, fail, signal, mishap, bytes }: CallOptions, land: () => T): Promise<T> {
    const { scheduler, faults, tell } = this.#context;
    // User code that ends its process comes back to code of the process that is no more.
    if (!this.alive) return new Promise(() => undefined);
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError());
        return;
      }
      let open = true;
      const abort = (): void => {
        open = false;
        reject(abortError());
      };
      const settle = (run: () => void): void => {
        if (!open) return;
        open = false;
        signal?.removeEventListener("abort", abort);
        run();
      };
      const answer = (delay: number, run: () => void): void => {
        scheduler.after(delay, () => this.resume(label, () => settle(run)));
      };
      signal?.addEventListener("abort", abort, { once: true });
      const trouble = mishap ?? faults.mishap(service, changes, bytes);
      if (trouble !== undefined && trouble !== "none") tell?.(`${this.name} calls ${service} (${label}): ${trouble}`);
      if (trouble === "refused" || trouble === "throttled") {
        answer(this.#latency(), () => reject(fail(trouble)));
        return;
      }
      const lost = trouble === "lost" || trouble === "broken";
      const late = trouble === "late" ? scheduler.between(0, LATEST_LANDING_MS) : 0;
      if (trouble === "late") answer(scheduler.between(1, CALL_TIMEOUT_MS), () => reject(fail(trouble)));
      scheduler.after(this.#latency() + late, () => {
        // What a process had not sent yet when it crashed never arrives.
        if (!this.alive && scheduler.chance(0.5)) return;
        scheduler.trace(label, this.instance + 100);
        const finish = outcome(land, resolve, reject);
        if (trouble === "late") return;
        answer(this.#latency(), lost ? () => reject(fail(trouble)) : finish);
      });
    });
  }

  #latency(): number {
    const { scheduler } = this.#context;
    return scheduler.chance(0.03) ? scheduler.between(20, 3_000) : scheduler.between(1, 12);
  }
}

function outcome<T>(land: () => T, resolve: (value: T) => void, reject: (reason: unknown) => void): () => void {
  try {
    const value = land();
    return () => resolve(value);
  } catch (thrown) {
    return () => reject(thrown);
  }
}

function abortError(): Error {
  return Object.assign(new Error("The operation was aborted."), { name: "AbortError" });
}
