import { pack, unpack } from "./codec.ts";
import { readColumn, writeColumn } from "./columns/any-column.ts";
import { ByteReader } from "./columns/byte-reader.ts";
import type { ByteWriter } from "./columns/byte-writer.ts";
import { columnBy, columnOf } from "./columns/column.ts";
import { COLUMNS_FROM, decoding, type EncodedPart, writePart } from "./part.ts";

/** Messages of the outbox entry with this index. */
export type OutboxPiece = readonly [index: number, sink: string, messages: readonly unknown[]];

/** Writes a part of kind "outbox". */
export function writeOutbox(writer: ByteWriter, pieces: readonly OutboxPiece[], compressedFrom: number): void {
  const count = pieces.reduce((sum, [, , messages]) => sum + messages.length, 0);
  if (count < COLUMNS_FROM) {
    writePart(writer, "outbox", "messagepack", compressedFrom, () => writer.append(pack(pieces)));
  } else {
    writePart(writer, "outbox", "columns", compressedFrom, () => writePieces(writer, pieces));
  }
}

/** What is in a part of kind "outbox". */
export function readOutbox(part: EncodedPart): OutboxPiece[] {
  return decoding(part, (contents) =>
    part.encoding === "messagepack" ? unpack<OutboxPiece[]>(contents) : readPieces(new ByteReader(contents)),
  );
}

function writePieces(writer: ByteWriter, pieces: readonly OutboxPiece[]): void {
  writer.word(pieces.length);
  writeColumn(
    writer,
    columnBy(pieces, ([index]) => index),
  );
  writeColumn(
    writer,
    columnBy(pieces, ([, sink]) => sink),
  );
  for (const [, , messages] of pieces) {
    writer.word(messages.length);
    writeColumn(writer, columnOf(messages));
  }
}

function readPieces(reader: ByteReader): OutboxPiece[] {
  const count = reader.word();
  const indexes = readColumn(reader, count) as number[];
  const sinks = readColumn(reader, count) as string[];
  return indexes.map((index, i) => [index, sinks[i] as string, readColumn(reader, reader.word())]);
}
