import type { Sink } from "../../engine/sink.ts";
import type { PreparedRow } from "../../sinks/files.ts";
import { type Cells, rowText } from "./file-rows.ts";

/** A sink of files that remembers what each row is about. */
export interface WatchedFiles {
  readonly sink: Sink<unknown>;
  /** The key that the sink's own code gave to a row; undefined where it gives none. */
  readonly keyOf: (row: Cells, text: string) => string | undefined;
}

/** The sink itself: only what its code takes a row for is noted, since no file holds that. */
export function watchFiles(sink: Sink<unknown>): WatchedFiles {
  const keys = new Map<string, string>();
  const open: Sink<unknown>["open"] = async (context) => {
    const task = await sink.open(context);
    const prepare: typeof task.prepare = (value, meta) => {
      const prepared = task.prepare(value, meta) as PreparedRow;
      if (prepared.key !== undefined) keys.set(rowText(prepared.row), prepared.key);
      return prepared;
    };
    // Its methods need the object that they belong to.
    return new Proxy(task, {
      get: (target, name) => {
        if (name === "prepare") return prepare;
        const member: unknown = Reflect.get(target, name, target);
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
  };
  return { sink: { ...sink, open }, keyOf: (_, text) => keys.get(text) };
}
