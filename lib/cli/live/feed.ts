import type { HostEvent, LogEntry } from "../../local/host/index.ts";
import { parseCommitLine } from "../../telemetry/metrics.ts";
import type { HubEnds } from "../hub-ends.ts";
import { PIPELINES } from "../pipelines.ts";
import type { LiveView, Note } from "../screen/view.ts";
import { openLogs, statusOf } from "../task-logs.ts";
import { PipelineStats } from "./pipeline-stats.ts";
import type { Results } from "./results.ts";

const RATE_SAMPLES = 40;
const SAMPLE_MS = 1000;
const NOTES_KEPT = 20;
/** A warning is shown as trouble for so long after it was last heard. */
const TROUBLE_MS = 4000;
const AIRPORTS = 60;

/** Gathers all that the live screen shows. */
export class Feed {
  readonly #started = performance.now();
  readonly #stats = new Map(PIPELINES.map(({ name }) => [name as string, new PipelineStats(name)]));
  readonly #notes: Note[] = [];
  readonly #rates: number[] = [];
  #ends = new Map<string, number[]>();
  #published = 0;
  #sampledAt = performance.now();
  #sampled = 0;
  #trouble: { text: string; until: number } | undefined;

  readonly log = (entry: LogEntry): void => {
    const now = performance.now();
    const commit = parseCommitLine(entry.message);
    if (commit !== undefined) this.#stats.get(commit.pipeline)?.commit(commit, now);
    else if (entry.level === "warning" || entry.level === "error" || entry.level === "critical") {
      this.#trouble = { text: entry.message.split("\n")[0] ?? "", until: now + TROUBLE_MS };
    }
  };

  readonly event = (event: HostEvent): void => {
    if (event.kind === "worker-died") this.note(`the worker ${event.pid} ended: ${event.reason}`);
    if (event.kind === "worker-ready") this.note(`the worker ${event.pid} was ready after ${event.ms} ms`);
    if (event.kind === "host-failed") this.note(event.message);
  };

  note(text: string): void {
    this.#notes.push({ at: performance.now() - this.#started, text });
    if (this.#notes.length > NOTES_KEPT) this.#notes.shift();
  }

  published(events: number): void {
    this.#published = events;
  }

  /** Takes over where the logs of an earlier run stand. */
  async restore(storage: string, hubs: HubEnds): Promise<void> {
    const logs = await openLogs(storage);
    for (const { name, hub } of PIPELINES) {
      const states = await statusOf(logs, name, (await hubs.next(hub)).length);
      for (const [partition, status] of states.entries()) {
        if (status !== undefined) this.#stats.get(name)?.restore(String(partition), status);
      }
    }
  }

  async refreshEnds(hubs: HubEnds): Promise<void> {
    for (const hub of new Set(PIPELINES.map((pipeline) => pipeline.hub))) this.#ends.set(hub, await hubs.next(hub));
  }

  view(results: Results | undefined, places: LiveView["places"]): LiveView {
    const now = performance.now();
    this.#sample(now);
    if (this.#trouble !== undefined && this.#trouble.until < now) this.#trouble = undefined;
    return {
      elapsed: now - this.#started,
      published: this.#published,
      publishRates: [...this.#rates],
      pipelines: PIPELINES.flatMap(({ name, hub }) => {
        return this.#stats.get(name)?.view(now, this.#ends.get(hub) ?? []) ?? [];
      }),
      airports: results?.busiest(AIRPORTS) ?? [],
      documents: results?.documents ?? {},
      places,
      notes: [...this.#notes],
      trouble: this.#trouble?.text,
    };
  }

  #sample(now: number): void {
    if (now - this.#sampledAt < SAMPLE_MS) return;
    this.#rates.push(((this.#published - this.#sampled) * 1000) / (now - this.#sampledAt));
    if (this.#rates.length > RATE_SAMPLES) this.#rates.shift();
    this.#sampledAt = now;
    this.#sampled = this.#published;
  }
}
