import type { Condition } from "./conditions.ts";
import type { ReadSource } from "./entities.ts";
import { deliveredOverhead, deliveryAnnotationsOf, writeDelivered } from "./outgoing-message.ts";
import type { LogCursor } from "./partition-log.ts";
import type { Peer } from "./peer.ts";
import type { Rival } from "./reader-groups.ts";
import { type InternalSender, messages, types } from "./rhea-internals.ts";
import { FragmentedMessage, Transfers, transferHeaderBytes } from "./transfers.ts";

export interface ReaderOptions {
  readonly name: string;
  readonly epoch: number | undefined;
  readonly firstSequence: number;
  /** Every event tells what the last one of the partition is. */
  readonly runtimeMetrics: boolean;
}

const nothing = Buffer.alloc(0);
/** Frames are gathered here; replaced when the socket keeps what it was given. */
const chunkBytes = 256 * 1024;
let chunk = Buffer.allocUnsafeSlow(chunkBytes);
/** Other readers and publishers get their turn after this many chunks. */
const chunksPerTurn = 4;

/** A client's receiving link: sends a partition's events as fast as the client gives credit. */
export class Reader implements Rival {
  readonly name: string;
  readonly epoch: number | undefined;
  readonly place: string;
  readonly #link: InternalSender;
  readonly #source: ReadSource;
  readonly #peer: Peer;
  readonly #transfers: Transfers;
  readonly #cursor: LogCursor;
  readonly #runtimeMetrics: boolean;
  readonly #unsubscribe: () => void;
  #fragmented: FragmentedMessage | undefined;
  #open = true;

  constructor(link: InternalSender, source: ReadSource, options: ReaderOptions, peer: Peer) {
    this.name = options.name;
    this.epoch = options.epoch;
    this.place = `${source.hub.name}/${source.consumerGroup}/${source.partition}`.toLowerCase();
    this.#link = link;
    this.#source = source;
    this.#peer = peer;
    this.#transfers = new Transfers(link);
    this.#cursor = source.log.cursor(options.firstSequence);
    this.#runtimeMetrics = options.runtimeMetrics;
    this.#unsubscribe = source.log.onAppend(() => peer.schedule(this));
  }

  /** Whether the link is on this session, or on any when none is given. */
  isOn(session: unknown): boolean {
    return session === undefined || this.#link.session === session;
  }

  isOf(link: unknown): boolean {
    return this.#link === link;
  }

  /** Lost to a reader with a higher epoch. */
  disconnect(reason: Condition): void {
    this.close();
    this.#link.close(reason);
    this.#peer.forget(this);
  }

  close(): void {
    this.#open = false;
    this.#unsubscribe();
  }

  /** Sends what credit, window and socket allow; true when it could go on at once. */
  pump(): boolean {
    for (let chunks = 0; chunks < chunksPerTurn; chunks++) {
      if (!this.#open || this.#peer.congested || !this.#pumpChunk()) return false;
    }
    return true;
  }

  /** Fills and sends one chunk; true when it was filled and there may be more. */
  #pumpChunk(): boolean {
    const transfers = this.#transfers;
    if (!this.#finishFragmented()) return false;
    const cursor = this.#cursor;
    const annotations = this.#runtimeMetrics ? this.#metrics() : nothing;
    const overhead = transferHeaderBytes + deliveredOverhead + annotations.length;
    const frameLimit = transfers.payloadLimit;
    let budget = Math.min(transfers.credit, transfers.window);
    let at = 0;
    let full = false;
    let sent = 0;
    for (; budget > 0 && cursor.advance(); budget--) {
      const most = cursor.end - cursor.start + overhead;
      if (most > frameLimit || at + most > chunkBytes) {
        cursor.stepBack();
        full = true;
        break;
      }
      const end = writeDelivered(cursor, annotations, chunk, at + transferHeaderBytes);
      transfers.writeHeader(chunk, at, transfers.begin(), end - at - transferHeaderBytes, false);
      at = end;
      sent++;
    }
    if (at > 0) this.#write(at);
    this.#peer.context.counters.eventsOut += sent;
    if (full && sent === 0) return this.#sendFragmented(annotations, overhead);
    if (!full) this.#giveBackCredit();
    return full;
  }

  #write(bytes: number): void {
    this.#peer.write(chunk.subarray(0, bytes));
    if (this.#peer.holdsOutput) chunk = Buffer.allocUnsafeSlow(chunkBytes);
  }

  /** An event that needs a frame larger than the peer takes. */
  #sendFragmented(annotations: Buffer, overhead: number): boolean {
    if (this.#transfers.credit <= 0 || !this.#cursor.advance()) return false;
    const message = Buffer.allocUnsafe(this.#cursor.end - this.#cursor.start + overhead);
    const bytes = writeDelivered(this.#cursor, annotations, message, 0);
    this.#fragmented = new FragmentedMessage(message.subarray(0, bytes));
    this.#peer.context.counters.eventsOut++;
    return this.#finishFragmented();
  }

  #finishFragmented(): boolean {
    if (this.#fragmented === undefined) return true;
    if (!this.#fragmented.write(this.#transfers, (frame) => this.#peer.write(frame))) return false;
    this.#fragmented = undefined;
    return true;
  }

  #giveBackCredit(): void {
    if (!this.#link._draining || this.#cursor.next < this.#source.log.nextSequence) return;
    this.#link.set_drained(true);
    this.#link.connection._register();
  }

  /** The section of delivery annotations that tells of the partition's last event. */
  #metrics(): Buffer {
    const { log } = this.#source;
    const encoded = messages.encode({
      delivery_annotations: {
        last_enqueued_sequence_number: types.wrap_long(log.nextSequence - 1),
        last_enqueued_offset: String(log.lastOffset),
        last_enqueued_time_utc: new Date(log.lastTime ?? 0),
        runtime_info_retrieval_time_utc: new Date(this.#peer.context.clock()),
      },
      body: null,
    });
    return deliveryAnnotationsOf(encoded);
  }
}
