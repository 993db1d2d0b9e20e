import { z } from "zod";
import {
  blobTable,
  cosmos,
  count,
  type Duration,
  files,
  max,
  type Pipeline,
  quantile,
  stream,
  sum,
  table,
  toHub,
  tumbling,
} from "../../../lib/index.ts";
import { memorySink } from "../../../lib/testing/memory-sink.ts";
import { Reading, reading } from "../../support/pipelines.ts";

/** Readings of five sensors, some of them late, twice, or such that user code fails. */
export const EVENTS: readonly Reading[] = Array.from({ length: 120 }, (_, i) => {
  const late = i % 30 === 29 ? 60_000 : 0;
  return reading(i * 500 - (i % 7) * 150 - late, i, `s${i % 5}`, `e${i % 11 === 0 ? i - 5 : i}`);
});

export const TABLES = { sensors: [{ id: "s1", room: "kitchen" }] };

const sensors = table("sensors", z.object({ id: z.string(), room: z.string() }), {
  key: (row) => row.id,
  from: blobTable({ container: "tables", blob: "sensors.csv" }),
});

function joined(name: string, idle?: Duration) {
  return stream(name, Reading)
    .eventTime((r) => r.at, { outOfOrder: 1_000, ...(idle === undefined ? {} : { idle }) })
    .dedupe("ids", (r) => r.id, { within: "1m" })
    .filter("sound", (r) => r.value !== 17 || fail())
    .keyBy((r) => r.sensor)
    .joinTable("with-room", sensors, (r, row) => ({ ...r, room: row?.room ?? "unknown" }));
}

function windowed(name: string, idle?: Duration) {
  return joined(name, idle)
    .window(tumbling("2s", { grace: "1s" }))
    .aggregate("totals", { readings: count(), total: sum((r) => r.value), most: max((r) => r.value) })
    .map("document", ({ key, ...rest }) => ({ id: `${key}-${rest.windowStart}`, key, ...rest }));
}

/** Pipelines as users write them: every kind of stage, every sink, one of their own, retries, and silence. */
export const USERS: readonly Pipeline[] = [
  windowed("documents").to(cosmos({ databaseName: "d", containerName: "c", partitionKey: "/key" }), memorySink()),
  windowed("silent", "5s").to(cosmos({ databaseName: "d", containerName: "c", partitionKey: "/key" })),
  joined("messages").to(toHub({ eventHubName: "copies", partitions: 3, key: (r) => r.sensor })),
  joined("rows").to(files({ container: "archive", partitionBy: "minute", roll: "folder" })),
  windowed("columns").to(
    files({
      container: "archive",
      format: "parquet",
      columns: {
        id: "string",
        key: "string",
        windowStart: "timestamp",
        windowEnd: "timestamp",
        readings: "int32",
        total: "int64",
        most: "double",
      },
    }),
  ),
  retrying().to(memorySink()),
];

/** One event in ten fails at its first tries. */
function retrying() {
  const tries = new Map<string, number>();
  return stream("retrying", Reading)
    .eventTime((r) => r.at, { outOfOrder: 1_000 })
    .map(
      "flaky",
      (r) => {
        const tried = (tries.get(r.id) ?? 0) + 1;
        tries.set(r.id, tried);
        return r.value % 10 === 3 && tried % 3 !== 0 ? fail() : r;
      },
      { onError: { retry: { attempts: 3, delay: "1s" } } },
    )
    .keyBy((r) => r.sensor)
    .window(tumbling("2s"))
    .aggregate("median", { median: quantile(0.5, (r) => r.value) });
}

function fail(): never {
  throw new Error("user code failed");
}
