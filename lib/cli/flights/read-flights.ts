import { fileURLToPath } from "node:url";
import type { AsyncBuffer, FileMetaData } from "hyparquet";
import { messageOf, TidemarkError } from "../../errors.ts";
import { FlightTable } from "./flight-table.ts";

/** How each column of the file goes into the table. */
const COLUMNS: Readonly<Record<string, (table: FlightTable, row: number, value: never) => void>> = {
  date: (table, row, value: Date) => table.setScheduled(row, value.getTime()),
  delay: (table, row, value: bigint) => table.setDelay(row, Number(value)),
  distance: (table, row, value: bigint) => table.setDistance(row, Number(value)),
  origin: (table, row, value: string) => table.setOrigin(row, value),
  destination: (table, row, value: string) => table.setDestination(row, value),
};

/**
 * Reads the first `count` flights, in order of scheduled departure, of a parquet file; fewer when it holds fewer. Only
 * the row groups that are needed are read. Throws NOT_FOUND or UNSUPPORTED when the file cannot be read.
 */
export async function readFlights(count: number, file?: string): Promise<FlightTable> {
  const path = file ?? packagedFile("flights-3m.parquet");
  try {
    return await readRows(count, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw missing(path);
    throw new TidemarkError("UNSUPPORTED", `The flights in ${path} cannot be read: ${messageOf(error)}.`, {
      fix:
        file === undefined ? "Run `npm ci` to get the file anew." : "Give a parquet file like vega-datasets' flights.",
      cause: error,
    });
  }
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

async function readRows(count: number, path: string): Promise<FlightTable> {
  const [{ asyncBufferFromFile, parquetMetadataAsync }, { compressors }] = await Promise.all([
    import("hyparquet"),
    import("hyparquet-compressors"),
  ]);
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  const table = new FlightTable(Math.min(count, Number(metadata.num_rows)));
  // Group by group, so that the values of one group are freed before the next is unpacked.
  for (let group = 0, from = 0; from < table.length; group++) {
    const rows = Number(metadata.row_groups[group]?.num_rows ?? 0);
    await readGroup({ file, metadata, compressors }, table, from, Math.min(from + rows, table.length));
    from += rows;
  }
  return table;
}

interface Source {
  readonly file: AsyncBuffer;
  readonly metadata: FileMetaData;
  readonly compressors: NonNullable<Parameters<typeof import("hyparquet").parquetRead>[0]["compressors"]>;
}

async function readGroup(source: Source, table: FlightTable, from: number, to: number): Promise<void> {
  const { parquetRead } = await import("hyparquet");
  await parquetRead({
    ...source,
    columns: Object.keys(COLUMNS),
    rowStart: from,
    rowEnd: to,
    onChunk: ({ columnName, columnData, rowStart }) => {
      const set = COLUMNS[columnName];
      if (set === undefined) return;
      const first = Math.max(from, rowStart);
      const last = Math.min(to, rowStart + columnData.length);
      for (let row = first; row < last; row++) set(table, row, columnData[row - rowStart] as never);
    },
  });
}

function missing(path: string): TidemarkError {
  return new TidemarkError("NOT_FOUND", `There is no data file ${path}.`, {
    fix: "Run `npm ci`, or name another file with --data.",
  });
}
