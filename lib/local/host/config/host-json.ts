import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, TidemarkError } from "../../../errors.ts";
import { parseTimespan } from "./timespan.ts";

/** host.json with the defaults of the real host; times in milliseconds. */
export interface HostJson {
  /** Absent: no limit. */
  readonly functionTimeoutMs: number | undefined;
  readonly eventHubs: EventHubsOptions;
  readonly queues: QueuesOptions;
  readonly http: { readonly routePrefix: string };
}

export interface EventHubsOptions {
  readonly maxEventBatchSize: number;
  readonly minEventBatchSize: number;
  readonly maxWaitMs: number;
  readonly prefetchCount: number;
  readonly batchCheckpointFrequency: number;
  readonly initialOffset: InitialOffset;
  readonly loadBalancingUpdateIntervalMs: number;
  readonly partitionOwnershipExpirationIntervalMs: number;
}

export type InitialOffset =
  | { readonly type: "fromStart" }
  | { readonly type: "fromEnd" }
  | { readonly type: "fromEnqueuedTime"; readonly enqueuedTime: Date };

export interface QueuesOptions {
  readonly maxPollingIntervalMs: number;
  readonly visibilityTimeoutMs: number;
  readonly batchSize: number;
  readonly newBatchSize: number;
  readonly maxDequeueCount: number;
  readonly messageEncoding: "base64" | "none";
}

/** Reads host.json of an app; throws CONFIGURATION naming every setting that is wrong. */
export async function readHostJson(appFolder: string): Promise<HostJson> {
  const file = join(appFolder, "host.json");
  let content: unknown;
  try {
    content = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new TidemarkError("CONFIGURATION", `host.json can't be read: ${messageOf(error)}`, { cause: error });
  }
  return parseHostJson(content);
}

/** The same from its parsed content. */
export function parseHostJson(content: unknown): HostJson {
  const problems: string[] = [];
  const root = new Section(content, "", problems);
  const hubs = root.section("extensions").section("eventHubs");
  const queues = root.section("extensions").section("queues");
  const maxEventBatchSize = hubs.number("maxEventBatchSize", 100, 1);
  const parsed: HostJson = {
    functionTimeoutMs: functionTimeout(root),
    eventHubs: {
      maxEventBatchSize,
      minEventBatchSize: hubs.number("minEventBatchSize", 1, 1, maxEventBatchSize),
      maxWaitMs: hubs.duration("maxWaitTime", 60_000),
      prefetchCount: hubs.number("prefetchCount", 300, 0),
      batchCheckpointFrequency: hubs.number("batchCheckpointFrequency", 1, 1),
      initialOffset: initialOffset(hubs.section("initialOffsetOptions"), problems),
      loadBalancingUpdateIntervalMs: hubs.duration("loadBalancingUpdateInterval", 10_000),
      partitionOwnershipExpirationIntervalMs: hubs.duration("partitionOwnershipExpirationInterval", 60_000),
    },
    queues: {
      maxPollingIntervalMs: queues.duration("maxPollingInterval", 60_000),
      visibilityTimeoutMs: queues.duration("visibilityTimeout", 0),
      batchSize: queues.number("batchSize", 16, 1, 32),
      newBatchSize: queues.number("newBatchSize", 8, 0),
      maxDequeueCount: queues.number("maxDequeueCount", 5, 1),
      messageEncoding: queues.text("messageEncoding", "base64") === "none" ? "none" : "base64",
    },
    http: { routePrefix: root.section("extensions").section("http").text("routePrefix", "api") },
  };
  if (problems.length > 0) throw new TidemarkError("CONFIGURATION", `host.json: ${problems.join(" ")}`);
  return parsed;
}

const DEFAULT_FUNCTION_TIMEOUT_MS = 30 * 60_000;

function functionTimeout(root: Section): number | undefined {
  if (root.text("functionTimeout", "") === "-1") return undefined;
  return root.duration("functionTimeout", DEFAULT_FUNCTION_TIMEOUT_MS);
}

function initialOffset(section: Section, problems: string[]): InitialOffset {
  const type = section.text("type", "fromStart").toLowerCase();
  if (type === "fromstart") return { type: "fromStart" };
  if (type === "fromend") return { type: "fromEnd" };
  const text = section.text("enqueuedTimeUtc", section.text("enqueuedTimeUTC", ""));
  const enqueuedTime = new Date(/[zZ]$|[+-]\d\d:\d\d$/.test(text) ? text : `${text}Z`);
  if (type === "fromenqueuedtime" && !Number.isNaN(enqueuedTime.getTime())) {
    return { type: "fromEnqueuedTime", enqueuedTime };
  }
  problems.push(
    type === "fromenqueuedtime"
      ? `"extensions.eventHubs.initialOffsetOptions.enqueuedTimeUtc" is "${text}", which is not a time.`
      : `"extensions.eventHubs.initialOffsetOptions.type" must be fromStart, fromEnd or fromEnqueuedTime.`,
  );
  return { type: "fromStart" };
}

/** One object of host.json; what is wrong in it is collected, so that the reader hears everything at once. */
class Section {
  readonly #content: Record<string, unknown>;
  readonly #path: string;
  readonly #problems: string[];

  constructor(content: unknown, path: string, problems: string[]) {
    this.#content = typeof content === "object" && content !== null ? (content as Record<string, unknown>) : {};
    this.#path = path;
    this.#problems = problems;
  }

  section(name: string): Section {
    return new Section(this.#content[name], this.#nameOf(name), this.#problems);
  }

  number(name: string, fallback: number, min: number, max = Number.MAX_SAFE_INTEGER): number {
    const value = this.#content[name] ?? fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= min && value <= max) return value;
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
    this.#problems.push(`"${this.#nameOf(name)}" must be a whole number ${range}.`);
    return fallback;
  }

  text(name: string, fallback: string): string {
    const value = this.#content[name] ?? fallback;
    if (typeof value === "string") return value;
    this.#problems.push(`"${this.#nameOf(name)}" must be a text.`);
    return fallback;
  }

  duration(name: string, fallbackMs: number): number {
    const value = this.#content[name];
    if (value === undefined) return fallbackMs;
    try {
      return parseTimespan(String(value), `"${this.#nameOf(name)}"`);
    } catch (error) {
      this.#problems.push(messageOf(error));
      return fallbackMs;
    }
  }

  #nameOf(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }
}
