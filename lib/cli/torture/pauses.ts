import { setTimeout as sleep } from "node:timers/promises";
import { taskOf } from "../../sinks/cosmos/fence.ts";
import { type Debts, untilOwing, WRITING_TASKS } from "./debts.ts";
import type { InjectOptions } from "./inject.ts";
import type { Instance } from "./instance.ts";
import { away, back } from "./outages.ts";
import type { Pause } from "./schedule.ts";
import { until } from "./truce.ts";

/** How much longer a pause lasts when nobody has taken over yet, or nothing is stale. */
const LONGEST_PAUSE_MS = 60_000;
/** How long at least Cosmos DB is away for an instance to owe results. */
const STARVE_MS = 1500;
const MOST_TRIES = 2;
const LONGEST_WARMING_MS = 60_000;
/** What an instance does when it wakes shall not be cut off by a kill. */
const AWAKENING_MS = 1500;
const LONGEST_AWAKENING_MS = 15_000;

/** Stops an instance or its worker where it stands, and lets it go on later. */
export async function stopAndContinue(options: InjectOptions, pause: Pause): Promise<void> {
  if (!pause.takeOver) {
    const instance = await options.cluster.oneAtWork(pause.target, options.signal);
    await hold(options, pause, instance);
    return;
  }
  const { cluster, signal, truce } = options;
  await until(() => options.away.size === 0 && cluster.instances.every(({ working }) => working), signal);
  if (pause.owing) await pauseOwing(options, pause);
  else {
    const instance = await cluster.oneAtWork(pause.target, signal);
    // A zombie is one that wakes with a batch in hand.
    await until(() => instance.working && cluster.board.busy(instance.name), signal);
    await hold(options, pause, instance);
  }
  await truce.during(() => sleep(AWAKENING_MS, undefined, { signal }));
}

/**
 * Takes Cosmos DB away until an instance has results that are committed and not delivered, stops the instance, and gives
 * Cosmos DB back. One more flight comes for each of these results: others take over, deliver, and write newer versions of
 * the same documents. Then the old owner wakes and delivers what is stale by now. Nothing else happens meanwhile: whoever
 * is killed after his first commit writes nothing newer.
 */
async function pauseOwing(options: InjectOptions, pause: Pause): Promise<void> {
  const { cluster, logs, signal, truce } = options;
  for (let tries = MOST_TRIES; ; tries--) {
    const held = await truce.during(async () => {
      const instance = await warmInstance(options, pause);
      await away(options, "cosmos");
      const debts = await untilOwing(instance.name, { board: cluster.board, logs, ms: STARVE_MS, signal });
      const worthIt = instance.working && (debts.size > 0 || tries <= 1);
      const over = worthIt ? hold(options, pause, instance, debts) : undefined;
      // It is waited for below.
      over?.catch(() => {});
      await back(options, "cosmos");
      return over === undefined ? undefined : { over };
    });
    if (held !== undefined) return truce.during(() => held.over);
  }
}

/**
 * An instance, when all tasks that write documents are open somewhere. Without Cosmos DB a task would not open and owe
 * nothing, and one that was opened in vain a few times is taken for one with a deadly event, and goes on event by event.
 */
async function warmInstance({ away, cluster, signal }: InjectOptions, pause: Pause): Promise<Instance> {
  const { instances } = cluster;
  const open = (task: string): boolean => instances.some(({ committed }) => committed.has(task));
  const patience = performance.now() + LONGEST_WARMING_MS;
  await until(() => {
    const fit = away.size === 0 && instances.every(({ working }) => working);
    return fit && (WRITING_TASKS.every(open) || performance.now() > patience);
  }, signal);
  return cluster.oneAtWork(pause.target, signal);
}

function describe(instance: string, debts: Debts): string {
  const debt = debts.size === 0 ? "" : `, which owes results of ${named(debts.keys())},`;
  return `paused instance ${instance}${debt} until others go on`;
}

/** Tasks in few words, like "delays/0,2 and routes/1". */
function named(tasks: Iterable<string>): string {
  const partitions = Map.groupBy(tasks, (task) => taskOf(task).pipeline);
  return [...partitions]
    .map(([name, of]) => `${name}/${of.map((task) => taskOf(task).partition).sort()}`)
    .join(" and ");
}

async function hold(options: InjectOptions, pause: Pause, instance: Instance, debts: Debts = new Map()): Promise<void> {
  const { cluster, counts, fences, onFault, onNote, signal } = options;
  const { takeOver, ms, hostFirst, apartMs } = pause;
  const { board } = cluster;
  counts.pauses++;
  onFault("pause", takeOver ? describe(instance.name, debts) : `paused the worker of ${instance.name} for ${ms} ms`);
  if (!takeOver) return instance.pause({ whole: false, hostFirst, apartMs }, sleep(ms, undefined, { signal }));
  board.pauseBegan(instance.name, debts);
  let stale = new Map<string, number>();
  const lasts = othersGoOn(options, pause, instance, debts).then(() => {
    const tasks = board.staleOf(instance.name);
    stale = new Map([...tasks].map((task) => [task, fences.refusedOf(task)]));
    if (debts.size > 0) onNote(`instance ${instance.name} wakes; stale: ${named(tasks) || "nothing"}`);
  });
  await instance.pause({ whole: true, hostFirst, apartMs }, lasts);
  board.pauseEnded(instance.name);
  const atMost = performance.now() + LONGEST_AWAKENING_MS;
  const delivered = (): boolean => [...stale].every(([task, before]) => fences.refusedOf(task) > before);
  await until(() => delivered() || performance.now() > atMost, signal);
}

/** Resolves when others have taken over from an instance that stands still and, if it owes results, made them stale. */
async function othersGoOn(
  { cluster: { board }, extraFlights, onNote, signal }: InjectOptions,
  { ms, lingerMs }: Pause,
  { name }: Instance,
  debts: Debts,
): Promise<void> {
  if (debts.size > 0) onNote(`${await extraFlights.publishFor(debts)} more flights of what ${name} owes`);
  await sleep(ms, undefined, { signal });
  const atMost = performance.now() + LONGEST_PAUSE_MS;
  // On a machine that is busy with other things a take-over takes its time.
  await until(() => !board.takingOver || performance.now() > atMost, signal);
  if (debts.size === 0) return;
  const lingered = performance.now() + lingerMs;
  await until(() => {
    const [stale, now] = [board.staleOf(name).size, performance.now()];
    return stale === debts.size || (stale > 0 && now > lingered) || now > atMost;
  }, signal);
}
