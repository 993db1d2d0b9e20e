import type { Chain } from "./chain.ts";
import type { EventContext } from "./context.ts";
import type { Operator, Result } from "./operator.ts";
import { held } from "./watermark.ts";

/**
 * The end of a frame: stages emit what the watermark has passed, upstream stages first. It may be done in pieces, down to
 * single results, with no event in between; what fails and is to be tried again is the next result still.
 */
export class Closing {
  readonly #operators: Chain["operators"];
  readonly #context: EventContext;
  /** The stage whose turn it is, and whether it knows what it has to emit. */
  #at = 0;
  #begun = false;
  /** How many results of the coming frame are out. */
  emitted = 0;

  constructor(operators: Chain["operators"], context: EventContext) {
    this.#operators = operators;
    this.#context = context;
  }

  /** The result that comes next when event time has come so far; undefined when all are out. */
  next(watermark: number): Result | undefined {
    for (; ; this.#pass()) {
      const operator = this.#operator(watermark);
      const result = operator?.nextResult;
      if (operator === undefined || result !== undefined) return result;
    }
  }

  /** Emits so many results, or all there are; throws StageFailure where one is to be tried again or stops the task. */
  emit(watermark: number, most: number): void {
    for (let left = most; ; this.#pass()) {
      const operator = this.#operator(watermark);
      if (operator === undefined) return;
      for (; left > 0; left--) {
        if (!operator.emitNext(this.#context)) break;
        this.emitted++;
      }
      if (left === 0) return;
    }
  }

  /** Makes the next result a dead letter of whatever comes behind its stage, without computing it. */
  refuse(watermark: number, reason: string): void {
    const result = this.next(watermark);
    if (result === undefined) return;
    this.#operators[this.#at]?.operator.refuseNext(this.#context, reason);
    this.emitted++;
  }

  /** The frame holds all of it: the next one begins with the first stage. */
  end(): void {
    this.#at = 0;
    this.#begun = false;
    this.emitted = 0;
  }

  #operator(watermark: number): Operator | undefined {
    const turn = this.#operators[this.#at];
    if (turn === undefined) return undefined;
    if (!this.#begun) turn.operator.closeFrame(held(watermark, turn.hold));
    this.#begun = true;
    return turn.operator;
  }

  #pass(): void {
    this.#at++;
    this.#begun = false;
  }
}
