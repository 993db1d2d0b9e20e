import { TidemarkError } from "../../errors.ts";
import type { Retention } from "./declaration.ts";
import { lowerBound, type SegmentContent } from "./segment-content.ts";
import type { Segment, SegmentStore } from "./segments.ts";

/** Writes event `i` of a batch into `target` at byte `at` and returns where it ends. */
export type EncodeEvent = (target: Buffer, at: number, i: number) => number;

export interface PartitionLogOptions {
  readonly store: SegmentStore;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly retention?: Retention | undefined;
}

const hour = 3_600_000;
const largestSegment = 4 * 1024 * 1024;
/** Retention deletes whole segments, so a limit is kept to within this fraction. */
const segmentsPerLimit = 8;

/**
 * The events of one partition in order: opaque bytes with a sequence number, an offset in bytes and the time they were
 * enqueued. It knows no protocol.
 */
export class PartitionLog {
  readonly #store: SegmentStore;
  readonly #clock: () => number;
  #retention: Retention;
  #segments: Segment[];
  #nextSequence = 0;
  #nextOffset = 0;
  #lastOffset = -1;
  #lastTime: number | undefined;
  readonly #listeners = new Set<() => void>();

  constructor({ store, clock, retention = {} }: PartitionLogOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#retention = retention;
    this.#segments = store.open();
    this.#recover();
  }

  #recover(): void {
    const newest = this.#segments.at(-1);
    const content = newest?.content;
    if (newest === undefined || content === undefined) return;
    this.#nextSequence = newest.baseSequence + content.count;
    this.#nextOffset = newest.baseOffset + content.bytes;
    if (content.count > 0) {
      this.#lastOffset = newest.baseOffset + content.start(content.count - 1);
      this.#lastTime = content.batchTime[content.batches - 1];
    } else {
      // The last event itself is gone, but nothing behind it has begun yet.
      this.#lastOffset = this.#nextOffset - 1;
    }
    this.expire();
  }

  get beginSequence(): number {
    return this.#segments[0]?.baseSequence ?? this.#nextSequence;
  }

  /** The sequence number that the next event will get. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** The offset of the last event ever appended; -1 when there was none. */
  get lastOffset(): number {
    return this.#lastOffset;
  }

  /** When the last event was appended; undefined when there was none. */
  get lastTime(): number | undefined {
    return this.#lastTime;
  }

  /** Bytes of stored events. */
  get bytes(): number {
    return this.#nextOffset - (this.#segments[0]?.baseOffset ?? this.#nextOffset);
  }

  /** Bytes of memory held, without what the cache of sealed segments holds for all partitions. */
  get openFootprint(): number {
    return this.#segments.reduce((sum, segment) => {
      return segment.path === undefined || segment.writer !== undefined
        ? sum + (segment.content?.footprint() ?? 0)
        : sum;
    }, 0);
  }

  set retention(retention: Retention) {
    this.#retention = retention;
  }

  /**
   * Stores a batch of at most `maxBytes` as one: all of it or, when encoding or writing throws, nothing. Returns the
   * sequence number of its first event.
   */
  append(events: number, maxBytes: number, encode: EncodeEvent): number {
    if (events === 0) return this.#nextSequence;
    const now = Math.max(this.#clock(), this.#lastTime ?? 0);
    const segment = this.#segmentFor(now);
    const content = segment.content as SegmentContent;
    content.reserve(events, maxBytes);
    let at = content.bytes;
    for (let i = 0; i < events; i++) {
      at = encode(content.data, at, i);
      content.ends[content.count + i] = at;
    }
    const first = this.#nextSequence;
    segment.writer?.append(content, events, first, now);
    content.commit(events, now);
    segment.firstTime ??= now;
    this.#nextSequence += events;
    this.#nextOffset = segment.baseOffset + content.bytes;
    this.#lastOffset = segment.baseOffset + content.start(content.count - 1);
    this.#lastTime = now;
    this.expire();
    for (const listener of this.#listeners) listener();
    return first;
  }

  #segmentFor(now: number): Segment {
    const newest = this.#segments.at(-1);
    if (newest !== undefined && !this.#isFull(newest, now)) return newest;
    if (newest !== undefined) this.#store.seal(newest);
    const created = this.#store.create(this.#nextSequence, this.#nextOffset);
    this.#segments.push(created);
    return created;
  }

  #isFull(segment: Segment, now: number): boolean {
    const { hours, bytes } = this.#retention;
    const limit = Math.min(largestSegment, (bytes ?? Number.POSITIVE_INFINITY) / segmentsPerLimit);
    if ((segment.content as SegmentContent).bytes >= limit) return true;
    if (hours === undefined || segment.firstTime === undefined) return false;
    return now - segment.firstTime >= (hours * hour) / segmentsPerLimit;
  }

  /** Deletes the segments that retention no longer covers. */
  expire(): void {
    const { hours, bytes } = this.#retention;
    if (bytes !== undefined) while (this.#segments.length > 1 && this.#bytesBehindOldest() >= bytes) this.#dropOldest();
    if (hours !== undefined) this.#expireBefore(this.#clock() - hours * hour);
  }

  #bytesBehindOldest(): number {
    return this.#nextOffset - (this.#segments[1] as Segment).baseOffset;
  }

  #expireBefore(time: number): void {
    // The first batch of a segment was enqueued no earlier than the last of the one before it.
    while (this.#segments.length > 1 && ((this.#segments[1] as Segment).firstTime ?? this.#lastTime ?? 0) < time) {
      this.#dropOldest();
    }
    const last = this.#segments[0];
    if (this.#segments.length !== 1 || last?.firstTime === undefined || (this.#lastTime ?? 0) >= time) return;
    // The numbers go on from here after a restart too, because an empty segment remembers them.
    this.#segments.push(this.#store.create(this.#nextSequence, this.#nextOffset));
    this.#dropOldest();
  }

  #dropOldest(): void {
    const oldest = this.#segments.shift();
    if (oldest !== undefined) this.#store.remove(oldest);
  }

  /** The first event whose offset is greater than (or, if `inclusive`, at least) this one. */
  sequenceAtOffset(offset: number, inclusive: boolean): number {
    const least = inclusive ? offset : offset + 1;
    const segment = this.#lastSegment((candidate) => candidate.baseOffset <= least);
    if (segment === undefined) return this.beginSequence;
    const content = this.#store.load(segment);
    return segment.baseSequence + content.firstAtByte(Math.max(0, least - segment.baseOffset));
  }

  /** The first event enqueued after this time, in milliseconds since 1970. */
  sequenceAfterTime(time: number): number {
    const segment = this.#lastSegment((candidate) => (candidate.firstTime ?? Number.POSITIVE_INFINITY) <= time);
    if (segment === undefined) return this.beginSequence;
    return segment.baseSequence + this.#store.load(segment).firstAfter(time);
  }

  #lastSegment(holds: (segment: Segment) => boolean): Segment | undefined {
    return this.#segments[lowerBound(this.#segments.length, (i) => !holds(this.#segments[i] as Segment)) - 1];
  }

  /** A reader that begins with this sequence number, or with what is left when that is gone. */
  cursor(sequence: number): LogCursor {
    return new LogCursor(this, sequence);
  }

  /** The segment that holds the first event with at least this sequence number; for cursors. */
  locate(sequence: number): { segment: Segment; content: SegmentContent } | undefined {
    let index = lowerBound(this.#segments.length, (i) => (this.#segments[i] as Segment).baseSequence > sequence) - 1;
    for (index = Math.max(0, index); index < this.#segments.length; index++) {
      const segment = this.#segments[index] as Segment;
      const content = this.#store.load(segment);
      if (segment.baseSequence + content.count > sequence) return { segment, content };
    }
    return undefined;
  }

  /** Calls back after every append, synchronously; returns the way to stop it. */
  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#store.close(this.#segments.at(-1));
  }
}

/** Walks a partition's events without making an object for each of them. */
export class LogCursor {
  readonly #log: PartitionLog;
  #segment: Segment | undefined;
  #content: SegmentContent | undefined;
  #event = 0;
  #batch = 0;
  #next: number;
  /** Of the event that `advance` found: its bytes are data[start] up to data[end]. */
  data: Buffer = Buffer.alloc(0);
  start = 0;
  end = 0;
  sequence = -1;
  offset = -1;
  enqueuedTime = 0;

  constructor(log: PartitionLog, sequence: number) {
    this.#log = log;
    this.#next = sequence;
  }

  /** The sequence number from which `advance` goes on. */
  get next(): number {
    return this.#next;
  }

  /** Moves to the next event; false when there is none yet. */
  advance(): boolean {
    let content = this.#content;
    if (content === undefined || this.#event >= content.count) {
      if (!this.#enter()) return false;
      content = this.#content as SegmentContent;
    }
    const event = this.#event++;
    while (this.#batch + 1 < content.batches && (content.batchFirst[this.#batch + 1] as number) <= event) this.#batch++;
    const segment = this.#segment as Segment;
    this.data = content.data;
    this.start = content.start(event);
    this.end = content.ends[event] as number;
    this.sequence = segment.baseSequence + event;
    this.offset = segment.baseOffset + this.start;
    this.enqueuedTime = content.batchTime[this.#batch] as number;
    this.#next = this.sequence + 1;
    return true;
  }

  /** Makes the next `advance` return the current event again. */
  stepBack(): void {
    this.#next = this.sequence;
    this.#event--;
  }

  #enter(): boolean {
    this.#next = Math.max(this.#next, this.#log.beginSequence);
    if (this.#next >= this.#log.nextSequence) return false;
    const found = this.#log.locate(this.#next);
    if (found === undefined) throw new TidemarkError("LOG_DAMAGED", `No segment holds ${this.#next}.`);
    this.#segment = found.segment;
    this.#content = found.content;
    this.#event = Math.max(0, this.#next - found.segment.baseSequence);
    this.#batch = found.content.batchOf(this.#event);
    return true;
  }
}
