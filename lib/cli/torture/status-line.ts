import { bar } from "../screen/glyphs.ts";
import { createPaint, type Paint, wantsColours } from "../screen/paint.ts";
import { left, right, whole, widthOf } from "../screen/text.ts";
import type { FaultCounts } from "./inject.ts";

const BAR_COLUMNS = 12;
const RATE_MS = 5000;

/** What one line says of a run under way. */
export class StatusLine {
  readonly #paint: Paint;
  readonly #kills: number;
  #hit = "";
  #events: readonly { readonly at: number; readonly count: number }[] = [];

  constructor(stream: NodeJS.WriteStream, kills: number) {
    this.#paint = createPaint(wantsColours(stream, process.env));
    this.#kills = kills;
  }

  published(count: number): void {
    const at = performance.now();
    this.#events = [...this.#events.filter((one) => at - one.at < RATE_MS), { at, count }];
  }

  hit(text: string): void {
    this.#hit = text;
  }

  /** Which of how many faults of its kind. */
  counter(kind: "kill" | "pause" | "outage", counts: FaultCounts): string {
    const { azurite, cosmos } = counts.outages;
    const number = { kill: counts.kills, pause: counts.pauses, outage: azurite + cosmos }[kind];
    return this.#paint.dim(`${left(kind, 6)} ${right(String(number), String(this.#kills).length)}`);
  }

  text({ kills, lag, takeovers }: FaultCounts & { readonly lag: number; readonly takeovers: number }): string {
    const { accent, dim, bold } = this.#paint;
    const [first, last] = [this.#events[0], this.#events.at(-1)];
    const passed = first && last ? last.at - first.at : 0;
    const rate = first && last && passed > 0 ? (1000 * (last.count - first.count)) / passed : 0;
    const done = bar(kills / this.#kills, BAR_COLUMNS);
    const rest = "░".repeat(BAR_COLUMNS - widthOf(done));
    return (
      `${accent(done)}${dim(rest)} ${bold(`${kills}/${this.#kills}`)} kills  ${whole(last?.count ?? 0)} events, ${whole(rate)}/s, ` +
      `lag ${whole(lag)}, ${takeovers} taken over  ${dim(this.#hit)}`
    );
  }
}
