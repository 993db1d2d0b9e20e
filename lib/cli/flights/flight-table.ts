const MINUTE_MS = 60_000;

/** One flight as it is published. */
export interface Flight {
  readonly id: string;
  /** ISO 8601, UTC. */
  readonly scheduled: string;
  /** Minutes between scheduled and actual departure; negative when early. */
  readonly delay: number;
  /** Miles. */
  readonly distance: number;
  readonly origin: string;
  readonly destination: string;
}

/** Flights as columns: three million of them take 48 MB. Rows are filled in order. */
export class FlightTable {
  readonly length: number;
  readonly #scheduled: Float64Array;
  readonly #delay: Int16Array;
  readonly #distance: Int16Array;
  readonly #origin: Uint16Array;
  readonly #destination: Uint16Array;
  readonly #airports: string[] = [];
  readonly #airportNumbers = new Map<string, number>();

  constructor(length: number) {
    this.length = length;
    this.#scheduled = new Float64Array(length);
    this.#delay = new Int16Array(length);
    this.#distance = new Int16Array(length);
    this.#origin = new Uint16Array(length);
    this.#destination = new Uint16Array(length);
  }

  setScheduled(row: number, milliseconds: number): void {
    this.#scheduled[row] = milliseconds;
  }

  setDelay(row: number, minutes: number): void {
    this.#delay[row] = minutes;
  }

  setDistance(row: number, miles: number): void {
    this.#distance[row] = miles;
  }

  setOrigin(row: number, airport: string): void {
    this.#origin[row] = this.#airportNumber(airport);
  }

  setDestination(row: number, airport: string): void {
    this.#destination[row] = this.#airportNumber(airport);
  }

  /** Milliseconds since the epoch. */
  scheduled(row: number): number {
    return this.#scheduled[row] as number;
  }

  /** When the flight really left, milliseconds since the epoch. */
  departure(row: number): number {
    return (this.#scheduled[row] as number) + (this.#delay[row] as number) * MINUTE_MS;
  }

  /** The flight of a row; its id names the row, so that the same flight has the same id in every run. */
  at(row: number): Flight {
    return {
      id: `flight-${row}`,
      scheduled: new Date(this.#scheduled[row] as number).toISOString(),
      delay: this.#delay[row] as number,
      distance: this.#distance[row] as number,
      origin: this.#airports[this.#origin[row] as number] as string,
      destination: this.#airports[this.#destination[row] as number] as string,
    };
  }

  #airportNumber(airport: string): number {
    const known = this.#airportNumbers.get(airport);
    if (known !== undefined) return known;
    const number = this.#airports.push(airport) - 1;
    this.#airportNumbers.set(airport, number);
    return number;
  }
}
