import type { EventContext } from "../engine/context.ts";
import { Operator, type StageOpening } from "../engine/operator.ts";
import { TidemarkError } from "../errors.ts";
import type { StageOptions } from "../stream/on-error.ts";
import type { StageNode } from "../stream/plan.ts";

/** The plan's node for `.keyBy(fn)`. */
export function keyByNode(name: string, key: (value: never) => string, { onError }: StageOptions = {}): StageNode {
  return {
    kind: "keyBy",
    name,
    onError,
    open: (opening) => new KeyByOperator(opening, key as (value: unknown) => string),
  };
}

class KeyByOperator extends Operator {
  readonly #key: (value: unknown) => string;

  constructor(opening: StageOpening, key: (value: unknown) => string) {
    super(opening);
    this.#key = key;
  }

  override process(value: unknown, context: EventContext): void {
    context.stage = this.index;
    context.effects.count(this.counts.in);
    const key: unknown = this.#key(value);
    if (typeof key !== "string") {
      throw new TidemarkError("STAGE_FAILED", `The key is ${JSON.stringify(key)}, which is not a text.`, {
        stage: this.name,
        fix: "Return a string from keyBy(); join several parts into one.",
      });
    }
    context.effects.count(this.counts.passed);
    context.effects.count(this.counts.out);
    // Put back afterwards: the same event may take another path with another key.
    const before = context.key;
    context.key = key;
    this.next.process(value, context);
    context.key = before;
  }
}
