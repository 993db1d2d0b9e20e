import { createWriteStream, mkdirSync, type WriteStream } from "node:fs";
import { join } from "node:path";
import { finished } from "node:stream/promises";
import type { HostEvent, LogEntry } from "../../local/host/index.ts";

/** Everything that happened, with milliseconds since the start: what one reads when a run has failed. */
export class Journal {
  readonly file: string;
  readonly #stream: WriteStream;
  readonly #started = performance.now();

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true });
    this.file = join(folder, "torture.log");
    this.#stream = createWriteStream(this.file);
  }

  note(text: string): void {
    this.#write(`-- ${text}`);
  }

  event(instance: string, event: HostEvent): void {
    const { kind, ...facts } = event;
    this.#write(`${instance}  ${kind} ${JSON.stringify(facts)}`);
  }

  log(instance: string, { level, category, message }: LogEntry): void {
    this.#write(`${instance}  ${level} ${category} ${message}`);
  }

  async close(): Promise<void> {
    this.#stream.end();
    await finished(this.#stream);
  }

  #write(line: string): void {
    this.#stream.write(`${String(Math.round(performance.now() - this.#started)).padStart(7)}  ${line}\n`);
  }
}
