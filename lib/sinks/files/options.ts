import { TidemarkError } from "../../errors.ts";
import type { EventTime } from "../../stream/plan.ts";

/** A column of a Parquet file. Every column may hold nulls: a field that is missing, undefined or null is one. */
export type ColumnType = "string" | "boolean" | "int32" | "int64" | "double" | "timestamp";

/** The types that a field's column may have: numbers are counts or times, texts may be times. */
type ColumnFor<Field> =
  NonNullable<Field> extends string
    ? "string" | "timestamp"
    : NonNullable<Field> extends boolean
      ? "boolean"
      : NonNullable<Field> extends number
        ? "int32" | "int64" | "double" | "timestamp"
        : NonNullable<Field> extends Date
          ? "timestamp"
          : never;

/** One column for each field of the values. */
export type Columns<T> = { readonly [Field in keyof T & string]-?: ColumnFor<T[Field]> };

export interface FilesTarget<T> {
  /** The setting that holds the connection. Default "TidemarkStorage". */
  readonly connection?: string;
  /** Created when it is missing; not the container "tidemark", which holds the checkpoints. */
  readonly container: string;
  /** A folder within the container, such as "archive/delays". Default: the container itself. */
  readonly path?: string;
  /** Folders by time, in UTC: `date=2001-01-02/hour=13/`, with `minute=05/`, by date alone, or none. Default "hour". */
  readonly partitionBy?: "day" | "hour" | "minute" | "none";
  /** The time that decides a row's folder. Default: its field `windowStart`; without one, the time of the event. */
  readonly time?: (value: T) => EventTime;
  /**
   * When files are written. "commit", the default: each commit's rows at once. "folder": rows wait in the checkpoint log
   * until event time has passed their folder, so that a folder gets one file from each task, and later ones only for
   * rows that come after.
   */
  readonly roll?: "commit" | "folder";
  /**
   * What a row is about. Of the rows of one key and folder that leave together only the last is written; of those in
   * several files, the last has the greatest `_generation` and `_batch`.
   */
  readonly key?: (value: T) => string;
}

export type FilesFormat<T> =
  | { readonly format?: "ndjson"; readonly columns?: never }
  /** Parquet, compressed with snappy. */
  | { readonly format: "parquet"; readonly columns: Columns<NoInfer<T>> };

export type FilesOptions<T> = FilesTarget<T> & FilesFormat<T>;

/** Fields that every row gets. */
export const ROW_FIELDS = ["_task", "_generation", "_batch"] as const;

const TYPES: ReadonlySet<string> = new Set(["string", "boolean", "int32", "int64", "double", "timestamp"]);
const FOLDER_COLUMNS: readonly string[] = ["date", "hour", "minute"];

/** Throws CONFIGURATION with everything that is wrong with the options of a sink. */
export function checkOptions({ container, path, partitionBy, roll, format, columns }: FilesOptions<never>): void {
  const problems: string[] = [];
  if (!/^(?=.{3,63}$)[a-z0-9]+(?:-[a-z0-9]+)*$/.test(container)) {
    problems.push("container must be 3–63 lower-case letters, digits and single hyphens");
  }
  if (container === "tidemark") problems.push('container "tidemark" holds the checkpoints: choose another');
  if (path !== undefined && !/^[^/_.\\?#=][^/\\?#=]*(\/[^/_.\\?#=][^/\\?#=]*)*$/.test(path)) {
    problems.push("path must be folders with a slash between them, and none may begin with _ or . or contain \\ ? # =");
  }
  if (!["day", "hour", "minute", "none", undefined].includes(partitionBy)) {
    problems.push('partitionBy must be "day", "hour", "minute" or "none"');
  }
  if (!["commit", "folder", undefined].includes(roll)) problems.push('roll must be "commit" or "folder"');
  if (roll === "folder" && partitionBy === "none") problems.push('roll: "folder" needs folders of time');
  if (!["ndjson", "parquet", undefined].includes(format)) problems.push('format must be "ndjson" or "parquet"');
  if (format === "parquet") problems.push(...columnProblems(columns ?? {}));
  else if (columns !== undefined) problems.push("columns are for Parquet only");
  if (problems.length === 0) return;
  throw new TidemarkError("CONFIGURATION", `A files sink cannot be: ${problems.join("; ")}.`, {
    fix: "Correct the options of files(…).",
  });
}

function columnProblems(columns: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(columns);
  if (names.length === 0) return ["columns must name the fields of a row and their types"];
  return names.flatMap((name) => [
    ...(TYPES.has(columns[name] as string) ? [] : [`column "${name}" cannot be of type ${columns[name]}`]),
    ...((ROW_FIELDS as readonly string[]).includes(name) ? [`column "${name}" is one that every file has`] : []),
    ...(FOLDER_COLUMNS.includes(name) ? [`column "${name}" is one that readers take from the folders' names`] : []),
  ]);
}
