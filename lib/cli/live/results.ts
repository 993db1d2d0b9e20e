import type { ChangeFeedPullModelIterator, Container, CosmosClient } from "@azure/cosmos";
import { RESULTS } from "../pipelines.ts";
import type { AirportView } from "../screen/view.ts";

const HOUR_MS = 3_600_000;
const HISTORY_HOURS = 24;
const PAGE_DOCUMENTS = 1000;

/** A document of container `delays`, as far as the screen shows it. */
interface DelaysDocument {
  readonly id: string;
  readonly origin: string;
  readonly airport: string;
  readonly state: string;
  readonly windowStart: string;
  readonly flights: number;
  readonly late: number;
  readonly avgDelay: number;
  readonly p95Delay: number;
}

interface Airport {
  flights: number;
  latest: DelaysDocument;
  /** Windows of the last hours, by their start. */
  readonly windows: Map<number, DelaysDocument>;
}

/** Follows the documents through the database's change feed: only what is new is read. */
export class Results {
  readonly #client: CosmosClient;
  readonly #delays: ChangeFeedPullModelIterator<DelaysDocument>;
  readonly #routes: Container;
  readonly #airports = new Map<string, Airport>();
  #delaysCount = 0;
  #routesCount = 0;

  static async open(connectionString: string): Promise<Results> {
    return new Results(connectionString, await import("@azure/cosmos"));
  }

  private constructor(connectionString: string, sdk: typeof import("@azure/cosmos")) {
    this.#client = new sdk.CosmosClient(connectionString);
    const database = this.#client.database(RESULTS.database);
    this.#delays = database.container(RESULTS.delays).items.getChangeFeedIterator<DelaysDocument>({
      changeFeedStartFrom: sdk.ChangeFeedStartFrom.Beginning(),
      maxItemCount: PAGE_DOCUMENTS,
    });
    this.#routes = database.container(RESULTS.routes);
  }

  get documents(): Readonly<Record<string, number>> {
    return { [RESULTS.delays]: this.#delaysCount, [RESULTS.routes]: this.#routesCount };
  }

  /** Reads what has changed since the last call; a page at most. */
  async refresh(): Promise<void> {
    const { result, statusCode } = await this.#delays.readNext();
    if (statusCode === 304 || result === undefined) return;
    for (const document of result) this.#take(document);
  }

  async countRoutes(): Promise<void> {
    const { resources } = await this.#routes.items.query<number>("SELECT VALUE COUNT(1) FROM c").fetchAll();
    this.#routesCount = resources[0] ?? 0;
  }

  /** The busiest airports, each with its newest window. */
  busiest(count: number): AirportView[] {
    const ranked = [...this.#airports.entries()].sort(([, a], [, b]) => b.flights - a.flights);
    return ranked.slice(0, count).map(([code, airport]) => viewOf(code, airport));
  }

  close(): void {
    this.#client.dispose();
  }

  #take(document: DelaysDocument): void {
    const start = Date.parse(document.windowStart);
    let airport = this.#airports.get(document.origin);
    if (airport === undefined) {
      airport = { flights: 0, latest: document, windows: new Map() };
      this.#airports.set(document.origin, airport);
    }
    const before = airport.windows.get(start);
    if (before === undefined) this.#delaysCount++;
    airport.flights += document.flights - (before?.flights ?? 0);
    airport.windows.set(start, document);
    if (document.windowStart >= airport.latest.windowStart) airport.latest = document;
    const oldest = Date.parse(airport.latest.windowStart) - HISTORY_HOURS * HOUR_MS;
    for (const one of airport.windows.keys()) if (one < oldest) airport.windows.delete(one);
  }
}

function viewOf(code: string, { latest, windows }: Airport): AirportView {
  const windowStart = Date.parse(latest.windowStart);
  const history = Array.from({ length: HISTORY_HOURS }, (_, index) => {
    return windows.get(windowStart - (HISTORY_HOURS - 1 - index) * HOUR_MS)?.avgDelay;
  });
  const { airport: name, state, flights, late, avgDelay, p95Delay } = latest;
  return { code, name, state, windowStart, flights, late, avgDelay, p95Delay, history };
}
