import type { EventContext } from "../engine/context.ts";
import { Operator, type StageOpening } from "../engine/operator.ts";
import type { StageOptions } from "../stream/on-error.ts";
import type { StageNode } from "../stream/plan.ts";

/** The plan's node for `.filter(name, predicate)`. */
export function filterNode(
  name: string,
  predicate: (value: never) => boolean,
  { onError }: StageOptions = {},
): StageNode {
  return {
    kind: "filter",
    name,
    onError,
    open: (opening) => new FilterOperator(opening, predicate as (value: unknown) => boolean),
  };
}

class FilterOperator extends Operator {
  readonly #predicate: (value: unknown) => boolean;

  constructor(opening: StageOpening, predicate: (value: unknown) => boolean) {
    super(opening);
    this.#predicate = predicate;
  }

  override process(value: unknown, context: EventContext): void {
    context.stage = this.index;
    context.effects.count(this.counts.in);
    if (!this.#predicate(value)) {
      context.effects.count(this.counts.filtered);
      return;
    }
    context.effects.count(this.counts.passed);
    context.effects.count(this.counts.out);
    this.next.process(value, context);
  }
}
