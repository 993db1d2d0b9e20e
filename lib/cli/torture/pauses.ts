import { setTimeout as sleep } from "node:timers/promises";
import { taskOf } from "../../sinks/cosmos/fence.ts";
import { untilOwing, writes } from "./debts.ts";
import type { InjectOptions } from "./inject.ts";
import type { Instance } from "./instance.ts";
import { away, back } from "./outages.ts";
import type { Pause } from "./schedule.ts";
import { until } from "./truce.ts";

/** How much longer a pause lasts when nobody has taken over yet. */
const LONGEST_PAUSE_MS = 25_000;
/** How long at least Cosmos DB is away for an instance to owe results. */
const STARVE_MS = 1500;
const MOST_TRIES = 2;
const WARM_TASKS = 3;
const LONGEST_WARMING_MS = 8_000;
/** What an instance does when it wakes shall not be cut off by a kill. */
const AWAKENING_MS = 1500;

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
 * Cosmos DB back: others take over, deliver and go on, and then the old owner wakes and delivers what is stale by now.
 * Nothing else happens meanwhile: whoever is killed after his first commit writes nothing newer.
 */
async function pauseOwing(options: InjectOptions, pause: Pause): Promise<void> {
  const { cluster, logs, signal, truce } = options;
  for (let tries = MOST_TRIES; ; tries--) {
    const held = await truce.during(async () => {
      const instance = await warmInstance(options, pause);
      await away(options, "cosmos");
      const owing = await untilOwing(instance.name, { board: cluster.board, logs, ms: STARVE_MS, signal });
      const worthIt = instance.working && (owing.size > 0 || tries <= 1);
      const over = worthIt ? hold(options, pause, instance, owing) : undefined;
      // It is waited for below.
      over?.catch(() => {});
      await back(options, "cosmos");
      return over === undefined ? undefined : { over };
    });
    if (held !== undefined) return truce.during(() => held.over);
  }
}

/** An instance whose tasks are open: without Cosmos DB they would not open, and owe nothing. */
async function warmInstance({ away, cluster, signal }: InjectOptions, pause: Pause): Promise<Instance> {
  await until(() => away.size === 0 && cluster.instances.every(({ working }) => working), signal);
  const instance = await cluster.oneAtWork(pause.target, signal);
  const warm = (): boolean => [...instance.committed].filter((task) => writes(task)).length >= WARM_TASKS;
  const patience = performance.now() + LONGEST_WARMING_MS;
  await until(() => instance.working && (warm() || performance.now() > patience), signal);
  return instance;
}

function describe(instance: string, owing: ReadonlySet<string>): string {
  const partitions = Map.groupBy(owing, (task) => taskOf(task).pipeline);
  const tasks = [...partitions].map(([name, of]) => `${name}/${of.map((task) => taskOf(task).partition).sort()}`);
  const debt = owing.size === 0 ? "" : `, which owes results of ${tasks.join(" and ")},`;
  return `paused instance ${instance}${debt} until others go on`;
}

async function hold(
  { cluster, counts, onFault, signal }: InjectOptions,
  { takeOver, ms, lingerMs, hostFirst, apartMs }: Pause,
  instance: Instance,
  owing: ReadonlySet<string> = new Set(),
): Promise<void> {
  const { board } = cluster;
  counts.pauses++;
  onFault("pause", takeOver ? describe(instance.name, owing) : `paused the worker of ${instance.name} for ${ms} ms`);
  if (takeOver) board.pauseBegan(instance.name, owing);
  const lasts = sleep(ms, undefined, { signal }).then(async () => {
    if (!takeOver) return;
    const atMost = performance.now() + LONGEST_PAUSE_MS;
    // On a machine that is busy with other things a take-over takes its time.
    await until(() => !board.takingOver || performance.now() > atMost, signal);
    const longest = performance.now() + lingerMs;
    await until(() => board.allStale(instance.name) || performance.now() > longest, signal);
  });
  await instance.pause({ whole: takeOver, hostFirst, apartMs }, lasts);
  if (takeOver) board.pauseEnded(instance.name);
}
