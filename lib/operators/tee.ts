import type { EventContext } from "../engine/context.ts";
import { Operator } from "../engine/operator.ts";

/** Hands every value to several sinks: all of them take it or none. */
export class TeeOperator extends Operator {
  readonly #branches: readonly Operator[];

  constructor(index: number, name: string, branches: readonly Operator[]) {
    super({ index, name });
    this.#branches = branches;
  }

  override process(value: unknown, context: EventContext): void {
    context.stage = this.index;
    context.effects.count(this.counts.in);
    context.effects.fanOut(this.index);
    context.effects.count(this.counts.passed);
    context.effects.count(this.counts.out);
    for (const branch of this.#branches) branch.process(value, context);
  }
}
