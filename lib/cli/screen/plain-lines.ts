import { describeServices } from "../services/describe.ts";
import type { Services } from "../services/start-services.ts";
import { clock, hour, instant, minutes, whole } from "./text.ts";
import type { AirportView, LiveView, PipelineView } from "./view.ts";

const INTERVAL_MS = 2000;
const AIRPORTS = 4;

/** What the screen shows, as lines for a file or a pipe. */
export class PlainLines {
  readonly #stream: NodeJS.WritableStream;
  #next = 0;
  #lastNote = -1;
  #lastWindow = 0;
  #lastTrouble: string | undefined;

  constructor(stream: NodeJS.WritableStream) {
    this.#stream = stream;
  }

  begin(services: Services): void {
    for (const line of describeServices(services)) this.#write(line);
  }

  /** Says what is new since the last call; the figures every other second. */
  show(view: LiveView): void {
    for (const { at, text } of view.notes) {
      if (at <= this.#lastNote) continue;
      this.#lastNote = at;
      this.#write(`${clock(at)}  ${text}`);
    }
    if (view.trouble !== this.#lastTrouble && view.trouble !== undefined) this.#write(view.trouble);
    this.#lastTrouble = view.trouble;
    if (view.elapsed < this.#next) return;
    this.#next = view.elapsed + INTERVAL_MS;
    const rate = whole(view.publishRates.at(-1) ?? 0);
    this.#write(`${clock(view.elapsed)}  ${rate} events/s, ${view.pipelines.map(pipeline).join("; ")}`);
    const newest = Math.max(0, ...view.airports.map(({ windowStart }) => windowStart));
    if (newest <= this.#lastWindow) return;
    this.#lastWindow = newest;
    const rows = view.airports.filter(({ windowStart }) => windowStart === newest).slice(0, AIRPORTS);
    this.#write(`      ${hour(newest)}: ${rows.map(airport).join("; ")}`);
  }

  #write(line: string): void {
    this.#stream.write(`${line}\n`);
  }
}

function pipeline({ name, watermark, lag, late, deadLetters }: PipelineView): string {
  const time = watermark === undefined ? "nothing yet" : `to ${instant(watermark)}`;
  return `${name} ${time}, lag ${whole(lag)}, late ${whole(late)}, dead ${whole(deadLetters)}`;
}

function airport({ code, flights, avgDelay, p95Delay }: AirportView): string {
  return `${code} ${whole(flights)} flights, avg ${minutes(avgDelay)}, p95 ${minutes(p95Delay)}`;
}
