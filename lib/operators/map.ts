import type { EventContext } from "../engine/context.ts";
import { Operator, type StageOpening } from "../engine/operator.ts";
import type { StageNode } from "../stream/plan.ts";

/** The plan's node for `.map(name, fn)`. */
export function mapNode(name: string, fn: (value: never) => unknown): StageNode {
  return { kind: "map", name, open: (opening) => new MapOperator(opening, fn as (value: unknown) => unknown) };
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
