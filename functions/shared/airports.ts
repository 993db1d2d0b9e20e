import { blobTable, table } from "tidemark";
import * as z from "zod";

const Airport = z.object({ iata: z.string(), name: z.string(), city: z.string(), state: z.string() });

/** Reference data: one row for each airport, by its code. */
export const airports = table("airports", Airport, {
  key: (airport) => airport.iata,
  from: blobTable({ container: "tables", blob: "airports.csv" }),
});
