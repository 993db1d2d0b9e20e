import { setTimeout as sleep } from "node:timers/promises";
import type { CheckpointStore } from "../../checkpoint/index.ts";
import type { Services } from "../services/start-services.ts";
import type { Cluster } from "./cluster.ts";
import type { ExtraFlights } from "./extra-flights.ts";
import type { FenceAudit } from "./fence-audit.ts";
import type { Instance } from "./instance.ts";
import { takeAway } from "./outages.ts";
import { stopAndContinue } from "./pauses.ts";
import type { Kill, OutageService, Schedule } from "./schedule.ts";
import { type Truce, until } from "./truce.ts";

/** What was done so far. */
export interface FaultCounts {
  kills: number;
  pauses: number;
  readonly outages: Record<OutageService, number>;
}

export interface InjectOptions {
  readonly schedule: Schedule;
  readonly cluster: Cluster;
  readonly services: Pick<Services, "stopService" | "startService">;
  readonly signal: AbortSignal;
  /** Services that are away at the moment. */
  readonly away: Set<OutageService>;
  readonly counts: FaultCounts;
  readonly logs: CheckpointStore;
  readonly truce: Truce;
  readonly fences: FenceAudit;
  readonly extraFlights: ExtraFlights;
  /** `kind` is that of the lane; the text says what was hit. */
  readonly onFault: (kind: "kill" | "pause" | "outage", text: string) => void;
  /** What came of one. */
  readonly onNote: (text: string) => void;
}

/** How long a kill waits for its victim to commit something, in the time that the victim took to start. */
const PATIENCE_STARTS = 8;

/** How many more pauses a run makes when none has shown what it was made for. */
const MOST_MORE_PAUSES = 3;

/** Lets the faults of a schedule happen; resolves when all of them are over and every instance works again. */
export async function inject(options: InjectOptions): Promise<void> {
  const { schedule, signal, cluster, fences } = options;
  const replacing: Promise<void>[] = [];
  await Promise.all([
    lane(schedule.kills, signal, (kill) => strike(options, kill, replacing)),
    lane(schedule.pauses, signal, (pause) => stopAndContinue(options, pause)),
    lane(schedule.outages, signal, (outage) => takeAway(options, outage)),
  ]);
  await Promise.all(replacing);
  // Whether a pause hits somebody who owes results, and others are quick enough, is up to the machine.
  const unproven = (): boolean => fences.refused === 0 && fences.breaches === 0;
  const aimed = schedule.pauses.filter(({ owing }) => owing).slice(0, 1);
  for (let more = 0; more < MOST_MORE_PAUSES && unproven(); more++)
    await lane(aimed, signal, (pause) => stopAndContinue(options, pause));
  await until(() => cluster.instances.every(({ working }) => working), signal);
}

async function lane<F extends { readonly after: number }>(
  faults: readonly F[],
  signal: AbortSignal,
  happen: (fault: F) => Promise<void>,
): Promise<void> {
  for (const fault of faults) {
    await sleep(fault.after, undefined, { signal });
    await happen(fault);
  }
}

/** Kills, once nobody is about to take partitions over, and leaves it to others to wait for the replacement. */
async function strike(
  { cluster, counts, onFault, signal, truce }: InjectOptions,
  kill: Kill,
  replacing: Promise<void>[],
): Promise<void> {
  const spare = (): boolean => cluster.board.takingOver || !truce.over;
  await until(() => !spare(), signal);
  const patience = performance.now() + PATIENCE_STARTS * Math.max(...cluster.instances.map(({ startMs }) => startMs));
  const ripe = ({ committed }: Instance): boolean => !kill.atWork || committed.size > 0 || performance.now() > patience;
  const instance = await cluster.oneAtWork(kill.target, signal, (one) => !spare() && ripe(one));
  counts.kills++;
  // One of two is left alone while the other is away: somebody must be there to take partitions over.
  const alone = cluster.instances.some((other) => other !== instance && !other.up);
  if (!kill.whole || alone) {
    onFault("kill", `killed the worker of ${instance.name}`);
    instance.killWorker();
    return;
  }
  onFault("kill", `killed instance ${instance.name}${kill.renamed ? ", another will take its place" : ""}`);
  replacing.push(instance.kill(kill.downMs, kill.renamed));
}
