import { unpack } from "./codec.ts";
import type { LogContext } from "./context.ts";
import { missing } from "./errors.ts";
import { type ListedBlob, type Listing, readMarker } from "./listing.ts";
import type { SnapshotRef } from "./records.ts";
import { isProven, readSegment, rotationOf, type Segment } from "./segment.ts";

/** The log as found: the newest snapshot and the segments behind it, oldest first, the last one being the head. */
export interface FoundLog {
  readonly generation: number;
  readonly base: SnapshotRef | undefined;
  readonly chain: Segment[];
}

/**
 * Finds a task's log in a listing. Undefined when the task has none: never had one, or it was reset. Throws
 * LOG_MISSING when there must be one, LOG_DAMAGED.
 */
export async function findLog(context: LogContext, listing: Listing): Promise<FoundLog | undefined> {
  if (listing.generation === 0) return assertNeverBegun(context, listing);
  const reader = new SegmentReader(context, listing);
  const head = await findHead(context, listing, reader);
  if (head === undefined) return undefined;
  return collectChain(head, listing, reader);
}

/**
 * The newest segment that belongs to the log. Owners that lost leave candidates behind: such a segment holds its
 * header only, and no other segment, nor the marker, names it.
 */
async function findHead(context: LogContext, listing: Listing, reader: SegmentReader): Promise<Segment | undefined> {
  for (const { name } of listing.segments) {
    const segment = await reader.read(name);
    if (segment === undefined) continue;
    if (isProven(segment)) return openHead(segment);
    const { previous } = segment.header;
    if (previous === undefined) {
      if ((await readMarker(context, listing.generation)).root === name) return segment;
    } else if (reader.listed(previous)) {
      const before = await reader.read(previous);
      if (before && rotationOf(before.frames)?.next === name) return segment;
    }
  }
  const { root } = await readMarker(context, listing.generation);
  if (root === undefined) return undefined;
  throw missing(root, `generation ${listing.generation} began with it, and nothing that follows it was found`);
}

function openHead(segment: Segment): Segment | undefined {
  const rotation = rotationOf(segment.frames);
  if (rotation === undefined) return segment;
  if (rotation.next === undefined) return undefined;
  throw missing(rotation.next, `the log goes on in it after "${segment.name}"`);
}

/** Goes back from the head to the segment that the newest snapshot does not cover, or to the first one. */
async function collectChain(head: Segment, listing: Listing, reader: SegmentReader): Promise<FoundLog> {
  const { generation } = listing;
  const chain = [head];
  for (;;) {
    const oldest = chain[0] as Segment;
    const base = newestSnapshot(chain);
    if (base !== undefined && base.through >= oldest.ordinal - 1) return { generation, base, chain };
    const { previous } = oldest.header;
    if (previous === undefined) return { generation, base, chain };
    const before = reader.listed(previous) ? await reader.readClosed(previous, oldest.name) : undefined;
    if (before === undefined) throw missing(previous, `"${oldest.name}" follows it and no snapshot covers it`);
    chain.unshift(before);
  }
}

/** The newest reference to a snapshot in a chain of segments. */
function newestSnapshot(chain: readonly Segment[]): SnapshotRef | undefined {
  for (const segment of chain.toReversed()) {
    const frame = segment.frames.findLast((candidate) => candidate.kind === "snapshot");
    if (frame !== undefined) return unpack<SnapshotRef>(frame.body);
  }
  return undefined;
}

/** Without any marker there may be headers that crashed creators left, but no log. */
async function assertNeverBegun(context: LogContext, listing: Listing): Promise<undefined> {
  for (const { name, generation } of listing.blobs.filter((blob) => blob.kind === "log")) {
    const segment = await readSegment(context, name, generation);
    if (segment && isProven(segment)) {
      throw missing(context.folder.marker(generation), `there is a log of generation ${generation}`);
    }
  }
  return undefined;
}

class SegmentReader {
  readonly #context: LogContext;
  readonly #listing: Listing;
  readonly #listed: ReadonlyMap<string, ListedBlob>;
  readonly #read = new Map<string, Promise<Segment | undefined>>();

  constructor(context: LogContext, listing: Listing) {
    this.#context = context;
    this.#listing = listing;
    this.#listed = new Map(listing.segments.map((blob) => [blob.name, blob]));
  }

  listed(name: string): boolean {
    return this.#listed.has(name);
  }

  /** A segment that another one follows: read again when it was read before that was so. */
  async readClosed(name: string, next: string): Promise<Segment | undefined> {
    const segment = await this.read(name);
    if (segment && rotationOf(segment.frames)?.next === next) return segment;
    this.#read.delete(name);
    return this.read(name);
  }

  read(name: string): Promise<Segment | undefined> {
    let reading = this.#read.get(name);
    if (reading === undefined) {
      reading = readSegment(this.#context, name, this.#listing.generation);
      this.#read.set(name, reading);
    }
    return reading;
  }
}
