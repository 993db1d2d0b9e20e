import type { StoreChange } from "../engine/frame.ts";
import type { StageOpening } from "../engine/operator.ts";
import type { TumblingWindow } from "../stream/window.ts";
import { NOTES_BUCKET } from "./stage-notes.ts";

const ENTRY = "emit";

type Emit = TumblingWindow["emit"];

/**
 * When the results of a window leave first. A deployment may change that, and then windows are open of which they have
 * left by the one rule and not by the other: so the stage's store says by which rule it was written.
 */
export class FirstEmission {
  readonly #window: TumblingWindow;
  readonly #before: Emit;
  #changed: boolean;

  constructor(window: TumblingWindow, store: StageOpening["store"]) {
    this.#window = window;
    this.#before = (store.get(NOTES_BUCKET)?.get(ENTRY) as Emit | undefined) ?? "updates";
    this.#changed = window.emit !== this.#before;
  }

  /** The watermark at which the results of a window that starts then leave first. */
  dueAt(start: number): number {
    return this.#dueAt(start, this.#window.emit);
  }

  /** Whether they have left, and need not leave as a whole again, in a store that was recovered at this watermark. */
  isDone(start: number, watermark: number): boolean {
    return this.dueAt(start) <= watermark && this.#dueAt(start, this.#before) <= watermark;
  }

  changes(store: string): readonly StoreChange[] {
    if (!this.#changed) return [];
    this.#changed = false;
    return [{ store, bucket: NOTES_BUCKET, entries: [ENTRY, this.#window.emit] }];
  }

  #dueAt(start: number, emit: Emit): number {
    const { size, grace } = this.#window;
    return start + size + (emit === "final" ? grace : 0);
  }
}
