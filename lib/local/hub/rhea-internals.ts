import type { Socket } from "node:net";
import rhea, { type Connection, type Delivery, type Receiver, type Sender, type Session } from "rhea";

/*
 * What this server uses of rhea beyond its declared types. rhea keeps connections, sessions and links; the transfers
 * themselves are written by hand (transfers.ts), which costs an eighth of sending them through rhea.
 */

export interface InternalConnection extends Connection {
  readonly socket: Socket;
  readonly heartbeat_in?: NodeJS.Timeout;
  readonly heartbeat_out?: NodeJS.Timeout;
  readonly abort_idle?: NodeJS.Timeout;
  accept(socket: Socket): Connection;
  /** Asks for one run of `_process` at the end of this turn. */
  _register(): void;
  /** Writes what connection, sessions and links have to say. */
  _process(): void;
}

export interface InternalSession extends Session {
  readonly local: { readonly channel: number };
  readonly outgoing: OutgoingState;
  on_transfer(frame: TransferFrame): void;
  on_flow(frame: unknown): void;
  /** The link that a frame belongs to. */
  _get_link(frame: TransferFrame): Receiver | Sender;
}

/** Counters of a session that every transfer must move. */
export interface OutgoingState {
  next_delivery_id: number;
  next_pending_delivery: number;
  next_transfer_id: number;
  window: number;
  /** How many more transfers the peer's session takes. */
  transfer_window(): number;
}

export interface TransferFrame {
  readonly performative: { message_format: number | null | undefined };
}

/** The link's own state, next to what the peer said. */
interface LocalLink {
  readonly handle: number;
  readonly attach: {
    properties: Record<string, unknown> | undefined;
    offered_capabilities: string[] | undefined;
  };
}

export interface InternalSender extends Sender {
  readonly session: InternalSession;
  readonly connection: InternalConnection;
  readonly local: LocalLink;
  credit: number;
  delivery_count: number;
  /** The peer wants its credit used up or given back. */
  readonly _draining: boolean;
}

export interface InternalReceiver extends Receiver {
  readonly session: InternalSession;
  readonly connection: InternalConnection;
  readonly local: LocalLink;
  readonly credit: number;
}

export interface IncomingContext {
  readonly message: unknown;
  readonly delivery: Delivery;
  readonly format?: number;
}

/** A message format that rhea knows nothing of, so that it hands out the bytes as they came. */
export const rawFormat = 0x7fff_ffff;

/** Makes rhea leave plain messages encoded on the links for which `raw` says so. */
export function keepRaw(session: InternalSession, raw: (link: Receiver | Sender) => boolean): void {
  const decode = session.on_transfer;
  session.on_transfer = (frame) => {
    if (!frame.performative.message_format && raw(session._get_link(frame)))
      frame.performative.message_format = rawFormat;
    decode.call(session, frame);
  };
}

/** Calls back after every flow of the session; rhea tells only of those that name a link. */
export function onSessionFlow(session: InternalSession, listener: () => void): void {
  const receive = session.on_flow;
  session.on_flow = (frame) => {
    receive.call(session, frame);
    listener();
  };
}

/** Stops the timers that rhea leaves running when a socket is destroyed under it. */
export function clearTimers(connection: InternalConnection): void {
  for (const timer of [connection.heartbeat_in, connection.heartbeat_out, connection.abort_idle]) clearTimeout(timer);
}

export const { types, message: messages } = rhea;
export type Container = ReturnType<typeof rhea.create_container>;
export function createContainer(options: Record<string, unknown>): Container {
  return rhea.create_container(options);
}
