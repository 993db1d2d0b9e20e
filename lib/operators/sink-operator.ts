import type { EventContext } from "../engine/context.ts";
import type { Deferred } from "../engine/effects.ts";
import type { OutboxEntry, StoreChange } from "../engine/frame.ts";
import { Operator } from "../engine/operator.ts";
import type { SinkTask } from "../engine/sink.ts";

/** The store that holds what a sink remembers between frames. */
export function sinkStore(sink: string): string {
  return `$sink:${sink}`;
}

/** The end of a pipeline: turns values into messages of the coming frame's outbox. */
export class SinkOperator extends Operator implements Deferred {
  readonly #sink: SinkTask<unknown>;
  #messages: unknown[] = [];

  constructor(index: number, name: string, sink: SinkTask<unknown>) {
    super({ index, name });
    this.#sink = sink;
  }

  override process(value: unknown, context: EventContext): void {
    context.stage = this.index;
    context.effects.count(this.counts.in);
    const prepared = this.#sink.prepare(value, context);
    context.effects.defer(this, prepared, undefined, 0);
    context.effects.count(this.counts.passed);
  }

  apply(prepared: unknown): void {
    const message = this.#sink.accept(prepared);
    if (message !== undefined) this.#messages.push(message);
  }

  override closeFrame(watermark: number): void {
    const own = this.#sink.closeFrame?.(watermark);
    // One by one: a call takes a hundred thousand arguments or so, and a sink may let go of more.
    for (const message of own ?? []) this.#messages.push(message);
  }

  override nextTimer(): number | undefined {
    return this.#sink.nextTimer?.();
  }

  override changes(): readonly StoreChange[] {
    const entries = this.#sink.changes?.() ?? [];
    return entries.length === 0 ? [] : [{ store: sinkStore(this.name), bucket: 0, entries }];
  }

  takeOutbox(): OutboxEntry | undefined {
    if (this.#messages.length === 0) return undefined;
    const messages = this.#messages;
    this.#messages = [];
    return { sink: this.name, messages };
  }
}
