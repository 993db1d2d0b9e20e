import { mulberry32 } from "../virtual-world.ts";
import type { Scheduler } from "./scheduler.ts";

/** What can go wrong in a simulation. */
export const FAULT_KINDS = [
  // Processes: each happens to the one whose promise is about to settle, whichever that is.
  "crash",
  "zombie",
  "drain",
  "clock",
  // The host of the functions.
  "rebalance",
  "takeover",
  "host-skip",
  "host-repeat",
  "host-abandon",
  // The trigger's consumer group was reset: from the beginning, or to the end.
  "host-rewind",
  "host-jump",
  // Services: one call, or all calls for a while.
  "blob-refused",
  "blob-lost",
  "blob-late",
  "blob-outage",
  "blob-narrow",
  "cosmos-throttled",
  "cosmos-lost",
  "cosmos-late",
  "cosmos-partial",
  "cosmos-broken",
  "cosmos-outage",
  "hub-refused",
  "hub-lost",
  "hub-late",
  "hub-outage",
  "reader-refused",
  "reader-quiet",
  // The queue of wake-ups: its service, and its messages.
  "queue-refused",
  "queue-lost",
  "queue-late",
  "message-drop",
  "message-twice",
  "message-delay",
  "message-early",
  // Events that end the process which runs their code; they come with the events and are not drawn.
  "out-of-memory",
  "endless-loop",
  // A hub gets another partition, or gives numbers to no event; not drawn either.
  "partitions-added",
  "numbers-left-out",
  // Operators and time.
  "retention",
  "retention-loss",
  "reset",
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** Kinds that need a queue. */
export const QUEUE_KINDS: readonly FaultKind[] = FAULT_KINDS.filter((kind) => /^(queue|message)-/.test(kind));

const NOT_DRAWN: ReadonlySet<FaultKind> = new Set([
  "out-of-memory",
  "endless-loop",
  "partitions-added",
  "numbers-left-out",
] as FaultKind[]);

/** Kinds that happen to a run without wake-ups. */
export const USUAL_KINDS: readonly FaultKind[] = FAULT_KINDS.filter(
  (kind) => !QUEUE_KINDS.includes(kind) && !NOT_DRAWN.has(kind),
);

/** One fault: when it happens, counted in promises settled, and chance of its own, so that others do not change it. */
export interface Fault {
  readonly index: number;
  readonly kind: FaultKind;
  readonly at: number;
  /** In [0, 1): decides its victim, its length and the like. */
  readonly value: number;
  /** Happens only when no task has changed hands although most events have come. */
  readonly resort?: true;
}

/** A write that comes through a narrow line. */
const SMALL_BYTES = 320;

export type Service = "blob" | "cosmos" | "hub" | "reader" | "queue";

/** What happens to a call: nothing of it arrives, its answer is lost, or it is given up and arrives later. */
export type Mishap = "refused" | "lost" | "late" | "throttled" | "partial" | "broken" | "quiet";

/** How often each kind is drawn, beside the others. */
const WEIGHTS: Partial<Record<FaultKind, number>> = {
  crash: 6,
  zombie: 4,
  rebalance: 4,
  takeover: 3,
  "host-skip": 3,
  "host-repeat": 2,
  "blob-lost": 3,
  "blob-late": 3,
  "hub-lost": 2,
  "hub-late": 2,
  "cosmos-late": 3,
  "blob-outage": 0.5,
  "hub-outage": 0.5,
  "cosmos-outage": 0.5,
  "blob-narrow": 0.5,
  "host-rewind": 0.7,
  "host-jump": 0.7,
  "retention-loss": 0.8,
  reset: 0.5,
};

/** Kinds that happen whenever their time comes; others may find nothing to spoil. */
const CERTAIN: ReadonlySet<FaultKind> = new Set(["crash", "zombie", "clock"]);

/** So many promises settle in every run, about, before the last event is done with. */
const SURELY_SETTLED = 260;

/** What makes a task change hands when nothing else did. */
const RESORTS: readonly FaultKind[] = ["takeover", "rebalance"];

/** So many faults come before most events have. */
const IN_TIME = 3;

/** The faults of a seed: at least four, of which at least one makes another process take a task over. */
export function drawFaults(seed: number, kinds: readonly FaultKind[], horizon: number): readonly Fault[] {
  const random = mulberry32(seed ^ 0x5eed);
  const takeovers = kinds.filter((kind) => kind === "crash" || kind === "zombie");
  const certain = kinds.filter((kind) => CERTAIN.has(kind));
  const total = kinds.reduce((sum, kind) => sum + (WEIGHTS[kind] ?? 1), 0);
  const draw = (index: number): FaultKind => {
    const sure = index === 0 ? takeovers : index < IN_TIME ? certain : [];
    if (sure.length > 0) return sure[Math.floor(random() * sure.length)] as FaultKind;
    let left = random() * total;
    for (const kind of kinds) {
      left -= WEIGHTS[kind] ?? 1;
      if (left < 0) return kind;
    }
    return kinds[0] as FaultKind;
  };
  const count = kinds.length === 0 ? 0 : 4 + Math.floor(random() ** 2 * 20);
  const drawn = Array.from({ length: count }, (_, index): Fault => {
    const kind = draw(index);
    // Three faults happen for sure, while there is still something to do.
    const latest = index < IN_TIME ? Math.min(horizon / 3, SURELY_SETTLED) : horizon;
    // In a short run the first one must find a task to be taken over, and a pause be long enough for somebody to notice.
    const late = index === 0 && horizon < SURELY_SETTLED;
    const chance = (): number => (late ? (1 + random()) / 2 : random());
    return { index, kind, at: Math.floor(chance() * latest), value: chance() };
  });
  const kind = RESORTS.find((one) => kinds.includes(one));
  if (kind === undefined) return drawn;
  return [...drawn, { index: count, kind, at: Number.POSITIVE_INFINITY, value: random(), resort: true }];
}

function isEarly({ index }: Fault): boolean {
  return index < IN_TIME;
}

/** Faults on their way: those that wait for their time, and those that wait for the next call of their service. */
export class Faults {
  readonly counts: Partial<Record<FaultKind, number>> = {};
  readonly #coming: Fault[];
  readonly #armed = new Map<Service, Fault[]>();
  readonly #outages = new Map<Service, number>();
  readonly #scheduler: Scheduler;
  readonly #tell: ((what: string) => void) | undefined;
  #narrowUntil = 0;
  #settled = 0;

  constructor(scheduler: Scheduler, faults: readonly Fault[], tell?: (what: string) => void) {
    this.#scheduler = scheduler;
    this.#tell = tell;
    this.#coming = [...faults].sort((a, b) => b.at - a.at || b.index - a.index);
  }

  /** Counts one more promise that settles; the faults whose time has come. */
  settle(): Fault | undefined {
    const next = this.#coming.at(-1);
    if (next === undefined || next.at > this.#settled++) return undefined;
    return this.#coming.pop();
  }

  /** Most events have come: the first faults may wait no longer. */
  hurry(): void {
    const [first, later] = [this.#coming.filter(isEarly), this.#coming.filter((fault) => !isEarly(fault))];
    this.#coming.splice(0, this.#coming.length, ...later, ...first.map((fault) => ({ ...fault, at: 0 })));
  }

  happened({ kind, index = -1 }: Pick<Fault, "kind"> & Partial<Fault>): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this.#scheduler.trace(kind, index);
    this.#tell?.(index < 0 ? `* ${kind}` : `* fault ${index}: ${kind}`);
  }

  /** The next call of the service will go wrong in this way. */
  arm(service: Service, fault: Fault): void {
    const armed = this.#armed.get(service);
    if (armed === undefined) this.#armed.set(service, [fault]);
    else armed.push(fault);
  }

  outage(service: Service, milliseconds: number): void {
    this.#outages.set(service, this.#scheduler.now + milliseconds);
  }

  /** For so many milliseconds only small writes to storage come through. */
  narrow(milliseconds: number): void {
    this.#narrowUntil = this.#scheduler.now + milliseconds;
  }

  /** From now on nothing goes wrong any more. */
  calm(): void {
    this.#coming.length = 0;
    this.#armed.clear();
    this.#outages.clear();
    this.#narrowUntil = 0;
    this.#tell?.("* from now on nothing goes wrong any more");
  }

  /** What happens to a call of a service; only calls that change something can be given up and arrive later. */
  mishap(service: Service, changes: boolean, bytes = 0): Mishap | undefined {
    if (bytes > SMALL_BYTES && this.#narrowUntil > this.#scheduler.now) return "refused";
    const until = this.#outages.get(service);
    if (until !== undefined && until > this.#scheduler.now) {
      return changes && this.#scheduler.chance(0.2) ? "lost" : "refused";
    }
    const armed = this.#armed.get(service);
    if (armed === undefined || armed.length === 0) return undefined;
    const at = armed.findIndex(({ kind }) => changes || !/lost|late|partial|broken/.test(kind));
    if (at < 0) return undefined;
    const [fault] = armed.splice(at, 1) as [Fault];
    this.happened(fault);
    return fault.kind.slice(service.length + 1) as Mishap;
  }
}
