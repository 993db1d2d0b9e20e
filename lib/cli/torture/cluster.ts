import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { FunctionStatus } from "../../local/host/index.ts";
import type { Watcher } from "../once/watcher.ts";
import type { Services } from "../services/start-services.ts";
import { WORKER_HEAP } from "../session.ts";
import { Board } from "./board.ts";
import { Guard } from "./guard.ts";
import { Instance, type InstanceEvents } from "./instance.ts";
import type { Journal } from "./journal.ts";
import { until } from "./truce.ts";

/** Milliseconds after which the partitions of an instance that does not renew them are free for others. */
export const EXPIRY_MS = 4000;
const BALANCE_MS = 1000;
/** One gives a failed batch up and checkpoints it: what it skipped must be read from the hub again. */
const INSTANCES = [
  { name: "a", retries: true },
  { name: "b", retries: false },
] as const;

/** Several Functions hosts that share the partitions of one app, each in a process of its own. */
export class Cluster {
  readonly board: Board = new Board();
  readonly instances: readonly Instance[];
  readonly #guard = new Guard();

  private constructor(appFolder: string, settings: Services["settings"], watcher: Watcher, journal: Journal) {
    const { board } = this;
    const events: InstanceEvents = {
      event: (instance, event) => {
        journal.event(instance, event);
        board.event(instance, event);
        // An instance that gives up is replaced: for the run that is no reason to fail.
        if (event.kind !== "host-failed") watcher.event(event);
      },
      log: (instance, entry) => {
        journal.log(instance, entry);
        board.log(instance, entry);
        watcher.log(entry);
      },
      gone: (instance) => board.gone(instance),
      note: (instance, text) => journal.note(`instance ${instance} ${text}`),
    };
    const options = { appFolder, settings: { ...settings }, nodeArgs: WORKER_HEAP };
    this.instances = INSTANCES.map(({ name, retries }) => {
      return new Instance(name, { ...options, retries }, events, this.#guard);
    });
  }

  /** Starts every instance; resolves when all of them work. */
  static async start(
    appFolder: string,
    settings: Services["settings"],
    watcher: Watcher,
    journal: Journal,
  ): Promise<Cluster> {
    await shortenOwnership(appFolder);
    const cluster = new Cluster(appFolder, settings, watcher, journal);
    try {
      await Promise.all(cluster.instances.map((instance) => instance.startFirst()));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  /** One of the instances that work and fit, chosen by a share of one; waits until there is one. */
  async oneAtWork(
    share: number,
    signal: AbortSignal,
    fits: (instance: Instance) => boolean = () => true,
  ): Promise<Instance> {
    let found: Instance[] = [];
    await until(() => {
      found = this.instances.filter((instance) => instance.working && fits(instance));
      return found.length > 0;
    }, signal);
    return found[Math.floor(share * found.length)] as Instance;
  }

  /** What all hosts report, as if they were one. */
  status(): FunctionStatus[] {
    return this.board.status();
  }

  async stop(): Promise<void> {
    await Promise.all(this.instances.map((instance) => instance.stop()));
    await this.#guard.close();
  }
}

/** A lost owner is noticed after seconds instead of a minute, so that a run sees many of them. */
async function shortenOwnership(appFolder: string): Promise<void> {
  const file = join(appFolder, "host.json");
  const content = JSON.parse(await readFile(file, "utf8"));
  const span = (ms: number): string => `00:00:${String(ms / 1000).padStart(2, "0")}`;
  const hubs = {
    ...content.extensions?.eventHubs,
    loadBalancingUpdateInterval: span(BALANCE_MS),
    partitionOwnershipExpirationInterval: span(EXPIRY_MS),
  };
  await writeFile(file, JSON.stringify({ ...content, extensions: { ...content.extensions, eventHubs: hubs } }));
}
