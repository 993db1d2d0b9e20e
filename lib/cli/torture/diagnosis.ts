import type { CheckpointStore } from "../../checkpoint/index.ts";
import { END_OF_TIME } from "../../engine/frame.ts";
import { PIPELINES } from "../pipelines.ts";
import { left, right, whole } from "../screen/text.ts";
import { statusOf } from "../task-logs.ts";
import type { Board } from "./board.ts";

export interface DiagnosisOptions {
  readonly board: Board;
  readonly logs: CheckpointStore;
  readonly ends: () => Promise<ReadonlyMap<string, readonly number[]>>;
}

/** A service that does not answer must not keep the diagnosis from being printed. */
const PATIENCE_MS = 10_000;
const NO_ANSWER = "no answer";

/** Says where every partition stands: its log's position, the end of its hub, its owner, what it has in hand. */
export async function diagnose({ board, logs, ends }: DiagnosisOptions): Promise<string[]> {
  const hubs = await inTime(ends()).catch(() => undefined);
  const header = row(["partition", "position", "hub end", "open", "to deliver", "owner", "running"]);
  const rows = await Promise.all(
    PIPELINES.map(async ({ name, hub }) => {
      const partitions = hubs?.get(hub)?.length ?? 4;
      const states = await inTime(statusOf(logs, name, partitions)).catch(() => undefined);
      return Array.from({ length: partitions }, (_, partition) => {
        const task = `${name}/${partition}`;
        const state = states?.[partition];
        const running = board.status().find((one) => `${one.functionName}/${one.partition}` === task)?.running ?? 0;
        const end = hubs?.get(hub)?.[partition];
        return row([
          task,
          states === undefined ? NO_ANSWER : state === undefined ? "no log" : whole(state.position),
          end === undefined ? NO_ANSWER : whole(end),
          state?.watermark === END_OF_TIME ? "no" : "yes",
          String(state?.pendingFrames ?? "?"),
          board.owners.get(task) ?? "nobody",
          String(running),
        ]);
      });
    }),
  );
  return [header, ...rows.flat()];
}

function row([task = "", ...columns]: readonly string[]): string {
  return `  ${left(task, 10)}${columns.map((text) => right(text, 12)).join("")}`;
}

function inTime<T>(work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(NO_ANSWER)), PATIENCE_MS);
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer));
}
