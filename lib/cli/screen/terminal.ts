import type { Size } from "./draw.ts";

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";
/** Terminals that know synchronized output show a frame as a whole; the others ignore it. */
const BEGIN_FRAME = "\u001b[?2026h";
const END_FRAME = "\u001b[?2026l";

/** A terminal on which frames replace each other. It has a screen of its own and gives the old one back. */
export class Terminal {
  readonly #stream: NodeJS.WriteStream;
  #entered = false;
  #last = "";

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  get size(): Size {
    return { columns: this.#stream.columns || 80, rows: this.#stream.rows || 24 };
  }

  /** Shows lines in the place of the ones before. */
  show(lines: readonly string[]): void {
    if (!this.#entered) {
      this.#stream.write(ENTER);
      this.#entered = true;
    }
    const frame = lines.map((line) => line + CLEAR_LINE).join("\n") + CLEAR_BELOW;
    if (frame === this.#last) return;
    this.#last = frame;
    // A reader that is slower than we are misses frames rather than make them pile up.
    if (this.#stream.writableNeedDrain) return;
    this.#stream.write(BEGIN_FRAME + HOME + frame + END_FRAME);
  }

  /** Gives the old screen back; safe to call twice. */
  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    this.#stream.write(LEAVE);
  }
}
