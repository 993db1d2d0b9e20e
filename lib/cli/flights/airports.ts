import { readFile } from "node:fs/promises";
import { messageOf, TidemarkError } from "../../errors.ts";
import { packagedFile } from "./read-flights.ts";

/** One row of the reference table. */
export interface Airport {
  readonly iata: string;
  readonly name: string;
  readonly city: string;
  readonly state: string;
  readonly country: string;
  readonly latitude: number;
  readonly longitude: number;
}

/** The airports of vega-datasets, as comma-separated values; throws NOT_FOUND when the file cannot be read. */
export async function airportsCsv(): Promise<string> {
  const path = packagedFile("airports.csv");
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw new TidemarkError("NOT_FOUND", `The airports in ${path} cannot be read: ${messageOf(cause)}.`, {
      fix: "Run `npm ci` to get the file anew.",
      cause,
    });
  });
}

/** The rows of such a file. */
export function parseAirports(csv: string): Airport[] {
  const [header = [], ...rows] = parseCsv(csv);
  return rows.map((cells) => {
    const cell = (name: string) => cells[header.indexOf(name)] ?? "";
    return {
      iata: cell("iata"),
      name: cell("name"),
      city: cell("city"),
      state: cell("state"),
      country: cell("country"),
      latitude: Number(cell("latitude")),
      longitude: Number(cell("longitude")),
    };
  });
}

/** Splits comma-separated values (RFC 4180) into rows of cells; empty lines are left out. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  // A cell: quoted, with doubled quotes inside, or plain; then what ends it.
  for (const [, quoted, plain = "", end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain);
    if (end === ",") continue;
    if (row.length > 1 || row[0] !== "") rows.push(row);
    row = [];
  }
  return rows;
}
