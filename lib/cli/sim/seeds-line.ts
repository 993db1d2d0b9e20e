import { counted } from "../once/progress.ts";
import { bar } from "../screen/glyphs.ts";
import { createPaint, wantsColours } from "../screen/paint.ts";
import { left, whole } from "../screen/text.ts";

const EVERY_MS = 250;
const BAR_COLUMNS = 24;

/** One line of a terminal that says how far a long run has come; seeds leave no room for timers, so each of them asks. */
export class SeedsLine {
  readonly #seeds: number;
  readonly #paint = createPaint(wantsColours(process.stderr, process.env));
  readonly #began = performance.now();
  #shown = 0;

  constructor(seeds: number) {
    this.#seeds = seeds;
  }

  show(ran: number, violations: number): void {
    const now = performance.now();
    if (now - this.#shown < EVERY_MS) return;
    this.#shown = now;
    const { accent, bad, dim } = this.#paint;
    const done = left(accent(bar(ran / this.#seeds, BAR_COLUMNS)), BAR_COLUMNS);
    const found = (violations === 0 ? dim : bad)(counted(violations, "violation"));
    const rate = ((1_000 * ran) / (now - this.#began)).toFixed(0);
    process.stderr.write(`\r${done} ${whole(ran)} of ${whole(this.#seeds)} seeds, ${found}, ${rate} a second\u001b[K`);
  }

  clear(): void {
    process.stderr.write("\r\u001b[K");
  }
}
