import type { Connection, Receiver } from "rhea";
import { valueEnd } from "../hub/amqp-encoding.ts";

/*
 * rhea keeps the connection, its sessions and its links; what it would do for every transfer (decode the frame into
 * objects, keep a delivery, decode the message, tell four listeners) costs more than all the rest of the host. A settled
 * transfer of one frame, as hubs send nearly all, is therefore taken from the bytes here. Any other frame goes to rhea.
 */

/** What is used of rhea beyond its declared types. */
interface InternalConnection extends Connection {
  readonly amqp_transport: Transport;
  readonly remote_channel_map: Readonly<Record<number, InternalSession | undefined>>;
  /** Asks for what the sessions have to say to be written at the end of this turn. */
  _register(): void;
}

interface Transport {
  readonly header_received: unknown;
  readonly read_complete: boolean;
  read(bytes: Buffer): number;
}

interface InternalSession {
  readonly remote: { readonly handles: Readonly<Record<number, InternalReceiver | undefined>> };
  readonly incoming: {
    next_transfer_id: number;
    next_delivery_id: number | undefined;
    readonly max_transfer_id: number;
    readonly window: number;
  };
  on_transfer(frame: TransferFrame): void;
  _get_link(frame: TransferFrame): InternalReceiver;
}

interface TransferFrame {
  readonly performative: { message_format: number };
}

interface InternalReceiver extends Receiver {
  readonly _incomplete: unknown;
  credit: number;
  delivery_count: number;
}

/** Takes an encoded message. */
export type PayloadListener = (message: Buffer) => void;

/** A message format that rhea knows nothing of, so that it hands out the bytes as they came. */
const RAW_FORMAT = 0x7fff_ffff;
const FRAME_HEAD_BYTES = 8;
/** The header is two words long, and the frame is none of SASL. */
const AMQP_FRAME = 0x0200;

/** Hands the messages of chosen links to their listeners as bytes. */
export class SettledTransfers {
  readonly #connection: InternalConnection;
  readonly #listeners = new Map<Receiver, PayloadListener>();
  readonly #sessions = new WeakSet<object>();

  constructor(connection: Connection) {
    this.#connection = connection as InternalConnection;
    const transport = this.#connection.amqp_transport;
    const readByRhea = transport.read;
    transport.read = (bytes) => {
      if (!transport.header_received) return readByRhea.call(transport, bytes);
      return this.#read(bytes, transport, (frame) => readByRhea.call(transport, frame));
    };
  }

  /** From now on the link's messages go to the listener. */
  listen(link: Receiver, listener: PayloadListener): void {
    this.#listeners.set(link, listener);
    link.on("message", ({ message }: { message?: unknown }) => listener(message as Buffer));
    const session = link.session as unknown as InternalSession;
    if (this.#sessions.has(session)) return;
    this.#sessions.add(session);
    const receive = session.on_transfer;
    session.on_transfer = (frame) => {
      if (this.#listeners.has(session._get_link(frame))) frame.performative.message_format = RAW_FORMAT;
      receive.call(session, frame);
    };
  }

  ignore(link: Receiver): void {
    this.#listeners.delete(link);
  }

  /** Reads whole frames and answers how many bytes they were. */
  #read(bytes: Buffer, transport: Transport, readByRhea: (frame: Buffer) => number): number {
    let at = 0;
    while (at + FRAME_HEAD_BYTES <= bytes.length && !transport.read_complete) {
      const end = at + bytes.readUInt32BE(at);
      if (end > bytes.length || end < at + FRAME_HEAD_BYTES) break;
      if (!this.#take(bytes, at, end)) readByRhea(bytes.subarray(at, end));
      at = end;
    }
    return at;
  }

  /** Takes a frame if it is one for here. */
  #take(bytes: Buffer, at: number, end: number): boolean {
    if (bytes.readUInt16BE(at + 4) !== AMQP_FRAME) return false;
    const body = at + FRAME_HEAD_BYTES;
    if (end < body + 6 || bytes[body] !== 0 || bytes[body + 1] !== 0x53 || bytes[body + 2] !== 0x14) return false;
    const session = this.#connection.remote_channel_map[bytes.readUInt16BE(at + 6)];
    if (session === undefined) return false;
    const transfer = readTransfer(bytes, body + 3, end);
    if (transfer === undefined) return false;
    const link = session.remote.handles[transfer.handle];
    const listener = link === undefined ? undefined : this.#listeners.get(link);
    if (link === undefined || listener === undefined || link._incomplete || link.credit <= 0) return false;
    this.#count(session, link, transfer.delivery);
    listener(bytes.subarray(transfer.end, end));
    return true;
  }

  /** Moves the counters that rhea would move. */
  #count({ incoming }: InternalSession, link: InternalReceiver, delivery: number): void {
    incoming.next_transfer_id++;
    incoming.next_delivery_id = delivery + 1;
    link.credit--;
    link.delivery_count++;
    if (incoming.max_transfer_id - incoming.next_transfer_id < incoming.window / 2) this.#connection._register();
  }
}

interface SettledTransfer {
  readonly handle: number;
  readonly delivery: number;
  /** Where the message begins. */
  readonly end: number;
}

const TRUE = 0x41;
const MORE = 5;
const ABORTED = 9;

/** The transfer whose list of fields begins at `at`; undefined unless it is settled and a message of its own. */
function readTransfer(bytes: Buffer, at: number, limit: number): SettledTransfer | undefined {
  const short = bytes[at] === 0xc0;
  if (!short && bytes[at] !== 0xd0) return undefined;
  const count = short ? (bytes[at + 2] as number) : bytes.readUInt32BE(at + 5);
  const end = valueEnd(bytes, at, limit);
  if (count < MORE) return undefined;
  const handleAt = at + (short ? 3 : 9);
  const deliveryAt = valueEnd(bytes, handleAt, end);
  const formatAt = valueEnd(bytes, valueEnd(bytes, deliveryAt, end), end);
  const settledAt = valueEnd(bytes, formatAt, end);
  const handle = wordAt(bytes, handleAt);
  const delivery = wordAt(bytes, deliveryAt);
  if (handle === undefined || delivery === undefined || wordAt(bytes, formatAt) !== 0) return undefined;
  if (bytes[settledAt] !== TRUE) return undefined;
  let field = settledAt + 1;
  for (let i = MORE; i < count; i++) {
    // A value in the long encoding, true or false, is left to rhea as well.
    if ((i === MORE || i === ABORTED) && (bytes[field] === TRUE || bytes[field] === 0x56)) return undefined;
    field = valueEnd(bytes, field, end);
  }
  return { handle, delivery, end };
}

/** An unsigned 32-bit integer in any of its encodings. */
function wordAt(bytes: Buffer, at: number): number | undefined {
  if (bytes[at] === 0x43) return 0;
  if (bytes[at] === 0x52) return bytes[at + 1] as number;
  return bytes[at] === 0x70 ? bytes.readUInt32BE(at + 1) : undefined;
}
