import type { EventContext } from "../engine/context.ts";
import { Operator, type StageOpening } from "../engine/operator.ts";
import type { StageOptions } from "../stream/on-error.ts";
import type { StageNode } from "../stream/plan.ts";

/** The plan's node for `.map(name, fn)`. */
export function mapNode(name: string, fn: (value: never) => unknown, { onError }: StageOptions = {}): StageNode {
  return { kind: "map", name, onError, open: (opening) => new MapOperator(opening, fn as (value: unknown) => unknown) };
}

class MapOperator extends Operator {
  readonly #fn: (value: unknown) => unknown;

  constructor(opening: StageOpening, fn: (value: unknown) => unknown) {
    super(opening);
    this.#fn = fn;
  }

  override process(value: unknown, context: EventContext): void {
    context.stage = this.index;
    context.effects.count(this.counts.in);
    const mapped = this.#fn(value);
    context.effects.count(this.counts.passed);
    context.effects.count(this.counts.out);
    this.next.process(mapped, context);
  }
}
