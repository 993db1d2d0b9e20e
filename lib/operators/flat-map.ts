import type { EventContext } from "../engine/context.ts";
import { Operator, type StageOpening } from "../engine/operator.ts";
import type { StageOptions } from "../stream/on-error.ts";
import type { StageNode } from "../stream/plan.ts";

/** The plan's node for `.flatMap(name, fn)`. */
export function flatMapNode(
  name: string,
  fn: (value: never) => Iterable<unknown>,
  { onError }: StageOptions = {},
): StageNode {
  return {
    kind: "flatMap",
    name,
    onError,
    open: (opening) => new FlatMapOperator(opening, fn as (value: unknown) => Iterable<unknown>),
  };
}

class FlatMapOperator extends Operator {
  readonly #fn: (value: unknown) => Iterable<unknown>;

  constructor(opening: StageOpening, fn: (value: unknown) => Iterable<unknown>) {
    super(opening);
    this.#fn = fn;
  }

  override process(value: unknown, context: EventContext): void {
    context.stage = this.index;
    context.effects.count(this.counts.in);
    context.effects.fanOut(this.index);
    const outputs = [...this.#fn(value)];
    context.effects.count(this.counts.passed);
    for (const output of outputs) {
      context.effects.count(this.counts.out);
      this.next.process(output, context);
    }
  }
}
