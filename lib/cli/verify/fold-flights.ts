import { type AirportFacts, ExpectedDelays } from "./expected-delays.ts";
import { ExpectedRoutes } from "./expected-routes.ts";
import type { ExpectedSideOutputs } from "./expected-side-outputs.ts";
import { PartitionFold, type StoredMessage } from "./partition-fold.ts";

/** What all the events of hub `flights` should have led to. */
export class FlightsFold {
  readonly delays: ExpectedDelays;
  readonly routes = new ExpectedRoutes();
  events = 0;
  duplicates = 0;
  shortHops = 0;
  /** Legs that should have gone to the second hub. */
  legs = 0;
  /** "partition/sequence number" of what is no plausible flight. */
  readonly malformed: string[] = [];
  /** Too far behind for `dedupe` to tell, in both pipelines. */
  readonly undecidable: string[] = [];
  /** Too late for their hour. */
  readonly lateForHour: string[] = [];
  lateForDay = 0;

  constructor(airports: ReadonlyMap<string, AirportFacts>) {
    this.delays = new ExpectedDelays(airports);
  }

  /** A function that takes one partition's messages in order. */
  partition(partitionId: string): (message: StoredMessage) => void {
    const fold = new PartitionFold();
    return (message) => this.#take(fold, partitionId, message);
  }

  sideOutputs(): ExpectedSideOutputs {
    const listed = (places: readonly string[]) => ({ places, count: places.length });
    return {
      delays: { "dead-letter": listed(this.malformed), late: listed([...this.undecidable, ...this.lateForHour]) },
      legs: { "dead-letter": listed(this.malformed), late: listed(this.undecidable) },
      routes: { "dead-letter": { count: 0 }, late: { count: this.lateForDay } },
    };
  }

  #take(fold: PartitionFold, partitionId: string, message: StoredMessage): void {
    const judged = fold.judge(message);
    if (judged.kind === "marker") return;
    this.events++;
    const place = `${partitionId}/${message.sequenceNumber}`;
    if (judged.kind === "malformed") this.malformed.push(place);
    else if (judged.kind === "duplicate") this.duplicates++;
    else if (judged.kind === "late") this.undecidable.push(place);
    else {
      const { flight, watermark } = judged;
      if (!this.delays.add(flight, watermark)) this.lateForHour.push(place);
      const outcome = this.routes.add(flight, watermark);
      if (outcome === "short hop") this.shortHops++;
      else this.legs++;
      if (outcome === "late") this.lateForDay++;
    }
  }
}
