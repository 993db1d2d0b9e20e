import type { Frame, OutboxEntry } from "../engine/frame.ts";
import type { ByteWriter } from "./columns/byte-writer.ts";
import type { LogPlace } from "./errors.ts";
import { type OutboxPiece, readOutbox, writeOutbox } from "./outbox-part.ts";
import { partsOf } from "./part.ts";
import { type ChangeSlice, writeState } from "./state-part.ts";

export interface BodyRules {
  /** The most keys or messages in one part. */
  readonly sliceItems: number;
  /** Parts of so many bytes are compressed. */
  readonly compressedFrom: number;
}

/** Writes a body part by part and yields after each; drops come after all entries. */
export function* writeBody(
  writer: ByteWriter,
  { changes, outbox }: Pick<Frame, "changes" | "outbox">,
  rules: BodyRules,
): Generator<void> {
  const { sliceItems, compressedFrom } = rules;
  let slices: ChangeSlice[] = [];
  let room = sliceItems;
  for (const { store, bucket, entries } of changes) {
    for (let from = 0; from < entries.length; ) {
      const to = Math.min(entries.length, from + room * 2);
      slices.push({ store, bucket, entries, from, to });
      room -= (to - from) / 2;
      from = to;
      if (room > 0) continue;
      writeState(writer, slices, [], compressedFrom);
      yield;
      slices = [];
      room = sliceItems;
    }
  }
  const drops = changes.filter(({ dropped }) => dropped);
  if (slices.length + drops.length > 0) {
    writeState(writer, slices, drops, compressedFrom);
    yield;
  }
  yield* writeMessages(writer, outbox, rules);
}

function* writeMessages(writer: ByteWriter, outbox: readonly OutboxEntry[], rules: BodyRules): Generator<void> {
  const { sliceItems, compressedFrom } = rules;
  let pieces: OutboxPiece[] = [];
  let room = sliceItems;
  for (const [index, { sink, messages }] of outbox.entries()) {
    for (let from = 0; from < messages.length; ) {
      const piece = from === 0 && messages.length <= room ? messages : messages.slice(from, from + room);
      pieces.push([index, sink, piece]);
      from += piece.length;
      room -= piece.length;
      if (room > 0) continue;
      writeOutbox(writer, pieces, compressedFrom);
      yield;
      pieces = [];
      room = sliceItems;
    }
  }
  if (pieces.length === 0) return;
  writeOutbox(writer, pieces, compressedFrom);
  yield;
}

/** The outbox in a body: its parts of kind "outbox", put together as they were committed. */
export function decodeOutbox(body: Uint8Array, place: LogPlace): OutboxEntry[] {
  const outbox: { sink: string; messages: unknown[] }[] = [];
  for (const part of partsOf(body, place)) {
    if (part.kind !== "outbox") continue;
    for (const [index, sink, messages] of readOutbox(part)) {
      const entry = outbox[index] ?? { sink, messages: [] };
      outbox[index] = entry;
      for (const message of messages) entry.messages.push(message);
    }
  }
  return outbox.filter((entry) => entry !== undefined);
}

/** The part of a body that holds its outbox, still encoded; empty when it has none. */
export function outboxOf(body: Uint8Array, place: LogPlace): Uint8Array {
  // Outbox parts come last.
  for (const { kind, offset } of partsOf(body, place)) if (kind === "outbox") return body.subarray(offset);
  return body.subarray(body.length);
}
