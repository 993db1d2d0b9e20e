import type { InternalSender } from "./rhea-internals.ts";

/*
 * A transfer frame with a settled delivery:
 *
 *   size u32, 2 (data offset), 0 (AMQP), channel u16, then 00 53 14 c0 and a list of six fields:
 *   handle u32, delivery id u32, tag (one byte), format 0, settled, more
 */
export const transferHeaderBytes = 30;
const template = Buffer.from(
  ["00000000 0200 0000 005314 c01106", "70 00000000 70 00000000 a00100 43 41 42"].join("").replaceAll(" ", ""),
  "hex",
);
const channelAt = 6;
const handleAt = 15;
const deliveryAt = 20;
const moreAt = 29;

/** Frames of more than this are split, also for a peer that would take larger ones. */
const largestFrame = 65_536;

/** Numbers and frames the settled transfers of one link; moves the counters that rhea would move. */
export class Transfers {
  readonly #link: InternalSender;

  constructor(link: InternalSender) {
    this.#link = link;
  }

  /** How many deliveries the peer wants now. */
  get credit(): number {
    return this.#link.is_open() ? this.#link.credit : 0;
  }

  /** How many frames the peer's session takes now. */
  get window(): number {
    return this.#link.session.outgoing.transfer_window();
  }

  /** The most bytes that one frame carries. */
  get payloadLimit(): number {
    return Math.min(this.#link.connection.max_frame_size || largestFrame, largestFrame) - transferHeaderBytes;
  }

  /** Takes one credit and the id of a new delivery. */
  begin(): number {
    const { outgoing } = this.#link.session;
    this.#link.credit--;
    this.#link.delivery_count++;
    outgoing.next_pending_delivery++;
    return outgoing.next_delivery_id++;
  }

  /** Writes the header of a frame whose payload stands right behind it, and counts the frame. */
  writeHeader(target: Buffer, at: number, delivery: number, payloadBytes: number, more: boolean): void {
    const { outgoing, local: session } = this.#link.session;
    template.copy(target, at);
    target.writeUInt32BE(transferHeaderBytes + payloadBytes, at);
    target.writeUInt16BE(session.channel, at + channelAt);
    target.writeUInt32BE(this.#link.local.handle, at + handleAt);
    target.writeUInt32BE(delivery >>> 0, at + deliveryAt);
    if (more) target[at + moreAt] = 0x41;
    outgoing.next_transfer_id++;
    outgoing.window--;
  }
}

/** A message that takes several frames, part of which may have to wait for the peer. */
export class FragmentedMessage {
  readonly #message: Buffer;
  #delivery: number | undefined;
  #sent = 0;

  constructor(message: Buffer) {
    this.#message = message;
  }

  /** Writes the frames that credit and the peer's window allow; true when the last one is among them. */
  write(transfers: Transfers, write: (frame: Buffer) => void): boolean {
    if (this.#delivery === undefined && (transfers.credit <= 0 || transfers.window <= 0)) return false;
    this.#delivery ??= transfers.begin();
    const limit = transfers.payloadLimit;
    while (transfers.window > 0) {
      const end = Math.min(this.#sent + limit, this.#message.length);
      const frame = Buffer.allocUnsafe(transferHeaderBytes + end - this.#sent);
      this.#message.copy(frame, transferHeaderBytes, this.#sent, end);
      const more = end < this.#message.length;
      transfers.writeHeader(frame, 0, this.#delivery, end - this.#sent, more);
      write(frame);
      this.#sent = end;
      if (!more) return true;
    }
    return false;
  }
}
