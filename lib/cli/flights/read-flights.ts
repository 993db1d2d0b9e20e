import { fileURLToPath } from "node:url";
import { messageOf, TidemarkError } from "../../errors.ts";
import { FlightTable } from "./flight-table.ts";

/** Flights of a file, unpacked group by group. */
export interface FlightFile {
  /** As many rows as were asked for, or as the file has. */
  readonly table: FlightTable;
  /** Fills the table from a row to the end of that row's group; resolves with the row behind it. */
  readGroup(from: number): Promise<number>;
}

/** How each column of the file goes into the table. */
const COLUMNS: Readonly<Record<string, (table: FlightTable, row: number, value: never) => void>> = {
  date: (table, row, value: Date) => table.setScheduled(row, value.getTime()),
  delay: (table, row, value: bigint) => table.setDelay(row, Number(value)),
  distance: (table, row, value: bigint) => table.setDistance(row, Number(value)),
  origin: (table, row, value: string) => table.setOrigin(row, value),
  destination: (table, row, value: string) => table.setDestination(row, value),
};

/** Opens a parquet file of flights; throws NOT_FOUND or UNSUPPORTED when it, or later a group of it, cannot be read. */
export async function openFlights(count: number, path = packagedFile("flights-3m.parquet")): Promise<FlightFile> {
  const guarded = <T>(work: Promise<T>): Promise<T> =>
    work.catch((error: unknown) => Promise.reject(trouble(path, error)));
  const { table, readGroup } = await guarded(open(count, path));
  return { table, readGroup: (from) => guarded(readGroup(from)) };
}

/** Where a file of the vega-datasets package lies; throws NOT_FOUND when the package is not installed. */
export function packagedFile(name: string): string {
  try {
    // The package exports its entry only; the data lies beside the folder of that entry.
    return fileURLToPath(new URL(`../data/${name}`, import.meta.resolve("vega-datasets")));
  } catch (cause) {
    throw new TidemarkError("NOT_FOUND", `The data file ${name} of the package vega-datasets is missing.`, {
      fix: "Run `npm ci`.",
      cause,
    });
  }
}

async function open(count: number, path: string): Promise<FlightFile> {
  const [{ asyncBufferFromFile, parquetMetadataAsync, parquetRead }, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const ends: number[] = [];
  for (const { num_rows } of metadata.row_groups) ends.push((ends.at(-1) ?? 0) + Number(num_rows));
  const table = new FlightTable(Math.min(count, ends.at(-1) ?? 0));
  if (table.length === 0) throw new Error("it holds no rows");
  const readGroup = async (from: number): Promise<number> => {
    const to = Math.min(table.length, ends.find((end) => end > from) ?? table.length);
    const found = new Set<string>();
    await parquetRead({
      ...{ file, metadata, compressors, rowStart: from, rowEnd: to },
      onChunk: ({ columnName, columnData, rowStart }) => {
        const set = COLUMNS[columnName];
        if (set === undefined) return;
        found.add(columnName);
        const last = Math.min(to, rowStart + columnData.length);
        for (let row = Math.max(from, rowStart); row < last; row++)
          set(table, row, columnData[row - rowStart] as never);
      },
    });
    const missing = Object.keys(COLUMNS).filter((name) => !found.has(name));
    if (missing.length > 0) throw new Error(`it has no column ${missing.join(", ")}`);
    return to;
  };
  return { table, readGroup };
}

function trouble(path: string, error: unknown): TidemarkError {
  if (error instanceof TidemarkError) return error;
  if ((error as NodeJS.ErrnoException).code === "ENOENT") {
    return new TidemarkError("NOT_FOUND", `There is no data file ${path}.`, {
      fix: "Run `npm ci`, or name another file with --data.",
    });
  }
  return new TidemarkError("UNSUPPORTED", `The flights in ${path} cannot be read: ${messageOf(error)}.`, {
    fix: "It should be a parquet file like flights-3m.parquet of vega-datasets; `npm ci` brings that one back.",
    cause: error,
  });
}
