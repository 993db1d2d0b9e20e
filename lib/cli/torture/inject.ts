import { setTimeout as sleep } from "node:timers/promises";
import type { Services } from "../services/start-services.ts";
import type { Cluster } from "./cluster.ts";
import type { Instance } from "./instance.ts";
import type { Kill, Outage, OutageService, Pause, Schedule } from "./schedule.ts";

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
  /** `kind` is that of the lane; the text says what was hit. */
  readonly onFault: (kind: "kill" | "pause" | "outage", text: string) => void;
}

const LOOK_MS = 20;
/** How long a kill waits for its victim to commit something, in the time that the victim took to start. */
const PATIENCE_STARTS = 8;
/** How much longer a pause lasts when nobody has taken over yet. */
const LONGEST_PAUSE_MS = 60_000;

/** Lets the faults of a schedule happen; resolves when all of them are over and every instance works again. */
export async function inject(options: InjectOptions): Promise<void> {
  const { schedule, signal } = options;
  const replacing: Promise<void>[] = [];
  await Promise.all([
    lane(schedule.kills, signal, (kill) => strike(options, kill, replacing)),
    lane(schedule.pauses, signal, (pause) => stopAndContinue(options, pause)),
    lane(schedule.outages, signal, (outage) => takeAway(options, outage)),
  ]);
  await Promise.all(replacing);
  await until(() => options.cluster.instances.every(({ working }) => working), signal);
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
  { cluster, counts, onFault, signal }: InjectOptions,
  kill: Kill,
  replacing: Promise<void>[],
): Promise<void> {
  const spare = (): boolean => cluster.board.takingOver;
  await until(() => !spare(), signal);
  const instance = await target(cluster, kill.target, signal);
  const patience = performance.now() + PATIENCE_STARTS * instance.startMs;
  const ripe = (): boolean => !kill.atWork || instance.committed || performance.now() > patience;
  await until(() => !spare() && instance.working && ripe(), signal);
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

async function stopAndContinue({ cluster, counts, onFault, signal }: InjectOptions, pause: Pause): Promise<void> {
  const { takeOver, ms, hostFirst, apartMs } = pause;
  const whole = takeOver;
  if (takeOver) await until(() => cluster.instances.every(({ working }) => working), signal);
  const instance = await target(cluster, pause.target, signal);
  // A zombie is one that wakes with a batch in hand.
  if (takeOver) await until(() => instance.working && cluster.board.busy(instance.name), signal);
  counts.pauses++;
  const seconds = (ms / 1000).toFixed(1);
  onFault("pause", `paused ${whole ? `instance ${instance.name}` : `the worker of ${instance.name}`} for ${seconds} s`);
  if (takeOver) cluster.board.pauseBegan(instance.name);
  const lasts = sleep(ms, undefined, { signal }).then(async () => {
    const atMost = performance.now() + LONGEST_PAUSE_MS;
    // On a machine that is busy with other things a take-over takes its time.
    await until(() => !cluster.board.takingOver || performance.now() > atMost, signal);
  });
  await instance.pause({ whole, hostFirst, apartMs }, lasts);
  cluster.board.pauseEnded(instance.name);
}

async function takeAway({ services, away, counts, onFault }: InjectOptions, { service, ms }: Outage): Promise<void> {
  const name = service === "azurite" ? "storage" : service;
  counts.outages[service]++;
  onFault("outage", `stopped ${service === "azurite" ? "Azurite" : "Cosmos DB"} for ${(ms / 1000).toFixed(1)} s`);
  away.add(service);
  await services.stopService(name);
  await sleep(ms);
  await services.startService(name);
  away.delete(service);
}

/** One of the instances that work; waits until there is one. */
async function target(cluster: Cluster, share: number, signal: AbortSignal): Promise<Instance> {
  const working = (): Instance[] => cluster.instances.filter((instance) => instance.working);
  await until(() => working().length > 0, signal);
  const choice = working();
  return choice[Math.floor(share * choice.length)] as Instance;
}

async function until(condition: () => boolean, signal: AbortSignal): Promise<void> {
  while (!condition()) await sleep(LOOK_MS, undefined, { signal });
}
