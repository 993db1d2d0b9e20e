import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SegmentContent } from "./segment-content.ts";
import { firstEnqueuedTime, loadSegment, SegmentWriter } from "./segment-file.ts";

/** A run of a partition's events that is kept, loaded and deleted as one. */
export class Segment {
  readonly baseSequence: number;
  readonly baseOffset: number;
  readonly path: string | undefined;
  /** Undefined until the first batch. */
  firstTime: number | undefined;
  /** Absent while the events are only on disk. */
  content: SegmentContent | undefined;
  writer: SegmentWriter | undefined;

  constructor(baseSequence: number, baseOffset: number, path: string | undefined) {
    this.baseSequence = baseSequence;
    this.baseOffset = baseOffset;
    this.path = path;
  }
}

/** Where one partition keeps its segments: only in memory, or also as files in a folder of its own. */
export interface SegmentStore {
  /** What is there, oldest first; the newest one loaded and open for appending. */
  open(): Segment[];
  create(baseSequence: number, baseOffset: number): Segment;
  /** The events of a segment, read back when memory no longer holds them. */
  load(segment: Segment): SegmentContent;
  /** The segment grows no more. */
  seal(segment: Segment): void;
  remove(segment: Segment): void;
  close(open: Segment | undefined): Promise<void>;
}

export class MemorySegments implements SegmentStore {
  open(): Segment[] {
    return [];
  }

  create(baseSequence: number, baseOffset: number): Segment {
    const segment = new Segment(baseSequence, baseOffset, undefined);
    segment.content = new SegmentContent();
    return segment;
  }

  load(segment: Segment): SegmentContent {
    return segment.content as SegmentContent;
  }

  seal(segment: Segment): void {
    segment.content?.trim();
  }

  remove(_segment: Segment): void {}

  async close(): Promise<void> {}
}

/** The sealed segments in memory, over all partitions; forgets those that nobody has read for the longest time. */
export class SegmentCache {
  readonly #limit: number;
  readonly #segments = new Set<Segment>();
  #bytes = 0;

  /** `limit` is in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get bytes(): number {
    return this.#bytes;
  }

  touch(segment: Segment): void {
    if (this.#segments.delete(segment)) this.#segments.add(segment);
  }

  add(segment: Segment, content: SegmentContent): void {
    segment.content = content;
    this.#segments.add(segment);
    this.#bytes += content.footprint();
    for (const oldest of this.#segments) {
      if (this.#bytes <= this.#limit || oldest === segment) break;
      this.drop(oldest);
    }
  }

  drop(segment: Segment): void {
    if (!this.#segments.delete(segment)) return;
    this.#bytes -= segment.content?.footprint() ?? 0;
    segment.content = undefined;
  }
}

const fileName = /^(\d+)-(\d+)\.segment$/;

export class FolderSegments implements SegmentStore {
  readonly #folder: string;
  readonly #cache: SegmentCache;
  readonly #closing = new Set<Promise<void>>();

  constructor(folder: string, cache: SegmentCache) {
    this.#folder = folder;
    this.#cache = cache;
    mkdirSync(folder, { recursive: true });
  }

  open(): Segment[] {
    const segments = readdirSync(this.#folder)
      .flatMap((name) => {
        const parts = fileName.exec(name);
        return parts === null ? [] : [new Segment(Number(parts[1]), Number(parts[2]), join(this.#folder, name))];
      })
      .sort((a, b) => a.baseSequence - b.baseSequence);
    for (const segment of segments) segment.firstTime = firstEnqueuedTime(segment.path as string);
    const newest = segments.at(-1);
    if (newest !== undefined) this.#resume(newest);
    return segments;
  }

  #resume(segment: Segment): void {
    const path = segment.path as string;
    const { content, validBytes } = loadSegment(path, segment.baseSequence);
    segment.content = content;
    if (content.batches === 0) segment.firstTime = undefined;
    segment.writer = SegmentWriter.open(path, validBytes);
  }

  create(baseSequence: number, baseOffset: number): Segment {
    const name = `${String(baseSequence).padStart(16, "0")}-${String(baseOffset).padStart(16, "0")}.segment`;
    const segment = new Segment(baseSequence, baseOffset, join(this.#folder, name));
    segment.content = new SegmentContent();
    segment.writer = SegmentWriter.open(segment.path as string, 0);
    return segment;
  }

  load(segment: Segment): SegmentContent {
    if (segment.content !== undefined) {
      this.#cache.touch(segment);
      return segment.content;
    }
    const { content } = loadSegment(segment.path as string, segment.baseSequence);
    this.#cache.add(segment, content);
    return content;
  }

  seal(segment: Segment): void {
    const { writer, content } = segment;
    segment.writer = undefined;
    if (writer !== undefined) {
      const closing = writer.closeDurably().then(() => void this.#closing.delete(closing));
      this.#closing.add(closing);
    }
    if (content === undefined) return;
    content.trim();
    this.#cache.add(segment, content);
  }

  remove(segment: Segment): void {
    segment.writer?.close();
    segment.writer = undefined;
    this.#cache.drop(segment);
    rmSync(segment.path as string, { force: true });
  }

  async close(open: Segment | undefined): Promise<void> {
    open?.writer?.close();
    if (open !== undefined) open.writer = undefined;
    await Promise.all(this.#closing);
  }
}
