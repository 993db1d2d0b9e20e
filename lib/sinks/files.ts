import type { FrameStamp } from "../engine/frame.ts";
import { parseInstant } from "../engine/instant.ts";
import {
  ALL_DELIVERED,
  type DeliveryReport,
  type RecordMeta,
  type Sink,
  type SinkContext,
  type SinkTask,
} from "../engine/sink.ts";
import type { EventTime } from "../stream/plan.ts";
import { BlobWriter } from "./blob-writer.ts";
import type { Encoder } from "./files/encoder.ts";
import { folderOf } from "./files/folders.ts";
import { LIMITS } from "./files/limits.ts";
import { FileNames } from "./files/names.ts";
import { ndjson } from "./files/ndjson.ts";
import { checkOptions, type FilesOptions } from "./files/options.ts";
import { parquet } from "./files/parquet.ts";
import { type FileMessage, Publisher } from "./files/publish.ts";
import { type Row, refuse, toRow } from "./files/rows.ts";
import { type LeavingRow, Waiting } from "./files/waiting.ts";

/**
 * Writes values as rows of files in Azure Blob Storage, NDJSON or Parquet, in folders by time. Each file appears whole
 * and once; a manifest beside them says which count (docs/files.md). Throws CONFIGURATION with all that is wrong.
 * @example
 * flights.to(files({ container: "archive", path: "flights", partitionBy: "day", roll: "folder" }));
 * windowed
 *   .aggregate("stats", { flights: count() })
 *   .to(files({
 *     container: "archive",
 *     path: "delays",
 *     format: "parquet",
 *     columns: { key: "string", windowStart: "timestamp", windowEnd: "timestamp", flights: "int32" },
 *     key: (row) => `${row.key} ${row.windowStart}`,
 *   }));
 */
export function files<T extends object>(options: FilesOptions<T>): Sink<T> {
  checkOptions(options as FilesOptions<never>);
  const { connection = "TidemarkStorage", container, path = "" } = options;
  const encoder = options.format === "parquet" ? parquet(options.columns) : ndjson;
  return {
    kind: "files",
    name: `files:${container}${path === "" ? "" : `/${path}`}`,
    target: { kind: "blob", connection, container, prefix: path },
    open: async (context) => {
      const writer = new BlobWriter(context.world, () => context.connections.blobs(connection), container);
      const publisher = new Publisher(writer, new FileNames(path, encoder.ending), encoder);
      return new FilesTask(options, encoder, publisher, context);
    },
  };
}

/** A row with all that decides where and when it is written. */
export interface PreparedRow extends LeavingRow {
  readonly folder: string;
  readonly due: number;
  readonly key: string | undefined;
}

/** The key of the sink's store under which the next batch has its number. */
const BATCH = "batch";

class FilesTask<T> implements SinkTask<T> {
  readonly #options: FilesOptions<T>;
  readonly #encoder: Encoder;
  readonly #publisher: Publisher;
  readonly #waiting: Waiting;
  #batch: number;
  #storedBatch: number;

  constructor(options: FilesOptions<T>, encoder: Encoder, publisher: Publisher, { state }: SinkContext) {
    this.#options = options;
    this.#encoder = encoder;
    this.#publisher = publisher;
    this.#waiting = new Waiting(state);
    this.#batch = Number(state.get(BATCH) ?? 0);
    this.#storedBatch = this.#batch;
  }

  prepare(value: T, { timestamp }: RecordMeta): PreparedRow {
    const { row, bytes } = toRow(value);
    this.#encoder.check(row);
    const time = instant(this.#options.time?.(value) ?? windowStartOf(row) ?? timestamp);
    const folder = folderOf(time, this.#options.partitionBy ?? "hour");
    const key = this.#options.key?.(value);
    if (key !== undefined && typeof key !== "string") throw refuse(`A row's key must be a string, not ${typeof key}.`);
    // A row can be later than its folder: a day's result in the folder of the hour in which the day began.
    return { row, bytes, folder: folder.name, due: Math.max(folder.end, timestamp + 1), key };
  }

  accept(prepared: unknown): undefined {
    const { folder, key, due, row, bytes } = prepared as PreparedRow;
    this.#waiting.add(folder, key, due, { row, bytes });
  }

  /** One message for each file that the frame brings about. */
  closeFrame(watermark: number): readonly FileMessage[] {
    const { roll = "commit" } = this.#options;
    const left = this.#waiting.take(roll === "commit" ? Number.POSITIVE_INFINITY : watermark);
    const parts = left.flatMap(([folder, rows]) => split(rows).map((part) => ({ folder, rows: part })));
    const messages = parts.map(({ folder, rows }, at): FileMessage => {
      return [this.#batch + Math.floor(at / LIMITS.batchFiles), at % LIMITS.batchFiles, folder, rows];
    });
    this.#batch += Math.ceil(parts.length / LIMITS.batchFiles);
    return messages;
  }

  nextTimer(): number | undefined {
    return this.#options.roll === "folder" ? this.#waiting.nextEnd : undefined;
  }

  changes(): readonly unknown[] {
    const entries = this.#waiting.changes();
    if (this.#batch !== this.#storedBatch) entries.push(BATCH, this.#batch);
    this.#storedBatch = this.#batch;
    return entries;
  }

  async deliver(messages: readonly unknown[], stamp: FrameStamp, signal: AbortSignal): Promise<DeliveryReport> {
    const refused = await this.#publisher.publish(messages as readonly FileMessage[], stamp, signal);
    return refused.length === 0 ? ALL_DELIVERED : { refused };
  }

  async close(): Promise<void> {}
}

/** Rows in portions that fit into a file each. */
function split(rows: readonly LeavingRow[]): Row[][] {
  const parts: Row[][] = [];
  let room = 0;
  for (const { row, bytes } of rows) {
    const last = parts.at(-1);
    room -= bytes;
    if (last === undefined || room < 0 || last.length >= LIMITS.fileRows) {
      parts.push([row]);
      room = LIMITS.fileBytes - bytes;
    } else last.push(row);
  }
  return parts;
}

function windowStartOf(row: Row): string | undefined {
  const { windowStart } = row;
  return typeof windowStart === "string" ? windowStart : undefined;
}

/** Milliseconds since the epoch; throws SINK_REFUSED for what is no time, or beyond the years that folders can name. */
function instant(time: EventTime): number {
  const value = typeof time === "number" ? time : time instanceof Date ? time.getTime() : parseInstant(time);
  if (value >= FIRST_TIME && value <= LAST_TIME) return value;
  throw refuse(
    `The time of the row, ${JSON.stringify(time)}, names no folder.`,
    "Give the sink an option time: (value) => ….",
  );
}

const FIRST_TIME = Date.parse("0001-01-01T00:00:00Z");
const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
