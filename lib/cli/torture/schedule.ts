import { seededRandom } from "../flights/random.ts";

/** When a fault strikes: milliseconds after the end of the one before it in its lane. */
interface Timed {
  readonly after: number;
}

/** SIGKILL of a worker, or of a whole instance. */
export interface Kill extends Timed {
  /** Which of those that could be hit, as a share of one. */
  readonly target: number;
  /** Not before it has committed something: a worker that is killed as soon as it has started does no work at all. */
  readonly atWork: boolean;
  /** The host dies with its worker. */
  readonly whole: boolean;
  /** Milliseconds until the instance is replaced. */
  readonly downMs: number;
  /** The replacement is another instance: it must wait until the partitions of the dead one are free. */
  readonly renamed: boolean;
}

/** SIGSTOP, and SIGCONT after some milliseconds. */
export interface Pause extends Timed {
  readonly target: number;
  /** Host and worker stand still for so long that another instance takes their partitions over. */
  readonly takeOver: boolean;
  /** Such an instance is stopped when it has committed results that it cannot deliver, as Cosmos DB is away. */
  readonly owing: boolean;
  readonly ms: number;
  /** How much longer it waits for all that it owes to be stale when some of it is. */
  readonly lingerMs: number;
  /** Which of the two wakes first, and by how many milliseconds. */
  readonly hostFirst: boolean;
  readonly apartMs: number;
}

/** A service that stops and is started again after some milliseconds. */
export interface Outage extends Timed {
  readonly service: OutageService;
  readonly ms: number;
}

export type OutageService = "azurite" | "cosmos";

/** Faults in three lanes that run beside each other. */
export interface Schedule {
  readonly kills: readonly Kill[];
  readonly pauses: readonly Pause[];
  readonly outages: readonly Outage[];
  /** Milliseconds that the lanes should take. */
  readonly ms: number;
}

const KILL_MS = 1300;
const KILLS_A_TAKE_OVER = 20;
/** Of the pauses that end in a take-over; the first of a run is always one of them. */
const OWING_SHARE = 0.8;
const KILLS_A_SHORT_PAUSE = 10;
const KILLS_AN_OUTAGE = 12;
const LEAST_GAP_MS = 300;

/** Makes the faults of a run from its seed alone. `expiryMs` is how long the partitions of a lost instance stay its own. */
export function makeSchedule(seed: number, kills: number, expiryMs: number): Schedule {
  const random = seededRandom(seed);
  const between = (least: number, most: number): number => Math.round(least + (most - least) * random());
  const killLane = Array.from({ length: kills }, (_, index): Kill => {
    const renamed = random() < 0.5;
    return {
      after: between(0.4 * KILL_MS, 1.6 * KILL_MS),
      target: random(),
      atWork: random() < 0.8,
      whole: index % 5 === 2,
      downMs: between(100, renamed ? 2000 : 1000),
      renamed,
    };
  });
  const ms = killLane.reduce((sum, { after }) => sum + after, 0);

  const takeOvers = Math.max(1, Math.round(kills / KILLS_A_TAKE_OVER));
  const pauses = shuffled(takeOvers + Math.round(kills / KILLS_A_SHORT_PAUSE), random).map((rank) => {
    const takeOver = rank < takeOvers;
    const owing = rank === 0 || (takeOver && random() < OWING_SHARE);
    const length = takeOver ? expiryMs : between(200, 2500);
    const lingerMs = between(6000, 15_000);
    const wake = { target: random(), hostFirst: random() < 0.5, apartMs: between(0, 400) };
    return { ms: length, takeOver, owing, lingerMs, ...wake };
  });
  const first = random() < 0.5 ? 0 : 1;
  const outages = Array.from({ length: Math.max(1, Math.round(kills / KILLS_AN_OUTAGE)) }, (_, index) => {
    const service: OutageService = (index + first) % 2 === 0 ? "azurite" : "cosmos";
    // Most are short; some outlast the patience of every single request.
    return { service, ms: index % 5 === 4 ? between(8000, 15_000) : between(500, 3000) };
  });
  return { kills: killLane, pauses: spread(pauses, ms, between), outages: spread(outages, ms, between), ms };
}

/** Puts gaps between faults so that together they fill the time. */
function spread<F extends { readonly ms: number }>(
  faults: readonly F[],
  ms: number,
  between: (least: number, most: number) => number,
): (F & Timed)[] {
  const busy = faults.reduce((sum, fault) => sum + fault.ms, 0);
  const gap = Math.max(LEAST_GAP_MS, (ms - busy) / (faults.length + 1));
  return faults.map((fault) => ({ ...fault, after: between(0.5 * gap, 1.5 * gap) }));
}

function shuffled(length: number, random: () => number): number[] {
  const numbers = Array.from({ length }, (_, index) => index);
  for (let at = length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [numbers[at], numbers[other]] = [numbers[other] as number, numbers[at] as number];
  }
  return numbers;
}
