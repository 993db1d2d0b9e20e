import type { BlobPort } from "../../checkpoint/blob-port.ts";
import type { Flight } from "../flights/flight-table.ts";
import { flightMessage } from "../flights/noise.ts";
import { Publisher } from "../flights/publisher.ts";
import { FLIGHTS_HUB, FLIGHTS_PARTITIONS } from "../pipelines.ts";
import type { Debts } from "./debts.ts";
import { type OwedDocument, owedDocuments } from "./owed-documents.ts";

/** Enough of a task's documents. */
const MOST_FLIGHTS = 20;
const MINUTE_MS = 60_000;
/** Miles: too few for the hub `legs`, or enough. */
const SHORT = 50;
const FAR = 500;

/**
 * Publishes one more flight for each result that an instance owes. Whoever takes the tasks over delivers the owed
 * version of the document and writes a newer one, so that the owed version is stale for certain: most hours of an
 * airport have one or two flights, and few of those come late by themselves.
 */
export class ExtraFlights {
  readonly #connectionString: string;
  readonly #blobs: BlobPort;
  #count = 0;

  constructor(connectionString: string, blobs: BlobPort) {
    this.#connectionString = connectionString;
    this.#blobs = blobs;
  }

  /** Resolves to the number of flights when all are accepted. */
  async publishFor(debts: Debts): Promise<number> {
    const owed = await Promise.all([...debts].map(([task, debt]) => owedDocuments(this.#blobs, task, debt)));
    const flights = owed
      .flatMap((documents) => documents.slice(-MOST_FLIGHTS))
      .flatMap((one) => flightFor(one, `extra-${++this.#count}`) ?? []);
    const { BulkSender } = await import("../../local/hub-client/bulk-sender.ts");
    const sender = new BulkSender(this.#connectionString, FLIGHTS_HUB);
    try {
      const publisher = new Publisher(sender, FLIGHTS_PARTITIONS);
      for (const flight of flights) await publisher.add(flightMessage(flight));
      await publisher.flush();
    } finally {
      await sender.close();
    }
    return flights.length;
  }
}

/**
 * A flight that a document's window counts, in its last minute: an earlier one may be too old to be told from a
 * duplicate. Undefined for a document that is no window's.
 */
export function flightFor({ origin, route, windowEnd }: OwedDocument, id: string): Flight | undefined {
  const [from, to = from] = (route ?? origin ?? "").split("-");
  if (!from || !to || windowEnd === undefined) return undefined;
  const scheduled = new Date(Date.parse(windowEnd) - MINUTE_MS).toISOString();
  const distance = route === undefined ? SHORT : FAR;
  return { id, scheduled, delay: 60, distance, origin: from, destination: to };
}
