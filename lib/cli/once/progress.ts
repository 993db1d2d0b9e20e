import { createPaint, type Paint, wantsColours } from "../screen/paint.ts";
import { clip, clock, whole } from "../screen/text.ts";

const INTERVAL_MS = 1000;

/** Says on standard error how far a run has come: in place on a terminal, else a line now and then. */
export class Progress {
  readonly #stream: NodeJS.WriteStream;
  readonly #paint: Paint;
  readonly #started = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #status: (() => string) | undefined;
  #ticks = 0;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
    this.#paint = createPaint(wantsColours(stream, process.env));
  }

  /** A step that has begun, or is done. */
  step(text: string): void {
    this.#clear();
    this.#stream.write(`${this.#time()}  ${text}\n`);
  }

  /** Shows a status again and again until the next call. */
  watch(status: (() => string) | undefined): void {
    clearInterval(this.#timer);
    this.#clear();
    this.#status = status;
    if (status === undefined) return;
    this.#timer = setInterval(() => this.#tick(), INTERVAL_MS);
    this.#timer.unref();
  }

  #tick(): void {
    if (this.#status === undefined) return;
    this.#ticks++;
    const line = `${this.#time()}  ${this.#status()}`;
    if (this.#stream.isTTY) this.#stream.write(`\r${clip(line, (this.#stream.columns || 80) - 1)}\u001b[K`);
    else if (this.#ticks % 5 === 0) this.#stream.write(`${line}\n`);
  }

  #clear(): void {
    if (this.#stream.isTTY && this.#status !== undefined) this.#stream.write("\r\u001b[K");
  }

  #time(): string {
    return this.#paint.dim(clock(performance.now() - this.#started));
  }
}

/** "1 kill", "2 kills" */
export function counted(count: number, what: string): string {
  return `${whole(count)} ${what}${count === 1 ? "" : "s"}`;
}

/** "12,000 of 20,000" */
export function of(part: number, all: number): string {
  return `${whole(part)} of ${whole(all)}`;
}
