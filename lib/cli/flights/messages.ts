import type { FlightTable } from "./flight-table.ts";
import { type FlightMessage, flightMessage, malformedMessage, schemaBreakingMessage } from "./noise.ts";
import { seededRandom } from "./random.ts";

export interface MessageOptions {
  /** The share of messages that are malformed, against the schema, or duplicates: 0 to 1. */
  readonly noise: number;
  readonly seed: number;
}

/** How far back, in flights, a duplicate may follow its flight. */
const DUPLICATE_REACH = 3000;

/**
 * Yields exactly as many messages as the table has flights, in order of actual departure. Noise takes the place of
 * flights at the end: a broken message or a duplicate stands between two good ones and costs none of them.
 */
export async function* flightMessages(
  table: FlightTable,
  departures: AsyncIterable<Uint32Array>,
  options: MessageOptions,
): AsyncGenerator<Iterable<FlightMessage>> {
  const mixer = new Mixer(table, options);
  for await (const rows of departures) yield mixer.mix(rows);
}

class Mixer {
  readonly #table: FlightTable;
  readonly #noise: number;
  readonly #random: () => number;
  /** The flights published last, by their number. */
  readonly #recent = new Uint32Array(DUPLICATE_REACH);
  #flights = 0;
  #left: number;

  constructor(table: FlightTable, { noise, seed }: MessageOptions) {
    this.#table = table;
    this.#noise = noise;
    this.#random = seededRandom(seed);
    this.#left = table.length;
  }

  *mix(rows: Uint32Array): Generator<FlightMessage> {
    for (const row of rows) {
      while (this.#left > 0 && this.#random() < this.#noise) {
        this.#left--;
        yield this.#noiseBefore(row);
      }
      if (this.#left === 0) return;
      this.#left--;
      this.#recent[this.#flights++ % DUPLICATE_REACH] = row;
      yield flightMessage(this.#table.at(row));
    }
  }

  #noiseBefore(row: number): FlightMessage {
    const random = this.#random;
    const kind = random();
    if (kind < 1 / 3) return malformedMessage(this.#table.at(row), random);
    if (kind < 2 / 3 || this.#flights === 0) return schemaBreakingMessage(this.#table.at(row), random);
    const back = 1 + Math.floor(random() * Math.min(this.#flights, DUPLICATE_REACH));
    return flightMessage(this.#table.at(this.#recent[(this.#flights - back) % DUPLICATE_REACH] as number));
  }
}
