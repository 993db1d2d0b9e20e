import type { Encoder } from "./encoder.ts";

/** One line a row: the fields that every file has, then the row's own. */
export const ndjson: Encoder = {
  ending: "ndjson",
  contentType: "application/x-ndjson",
  check: () => undefined,
  encode: async (rows, { _task, _generation, _batch }) => {
    return Buffer.from(rows.map((row) => `${JSON.stringify({ _task, _generation, _batch, ...row })}\n`).join(""));
  },
};
