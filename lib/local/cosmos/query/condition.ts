import type { JsonObject } from "../json.ts";
import { prepareQuery } from "./cache.ts";
import { runRows } from "./run.ts";

/** Whether a document meets a patch condition such as "from c where c.version < 3". Throws 400 for a malformed one. */
export function conditionHolds(condition: string, document: JsonObject, now: number): boolean {
  const { compiled } = prepareQuery(`SELECT * ${condition}`);
  const frame = { slots: [document], parameters: new Map(), aggregates: [], now };
  return runRows(compiled, frame, [undefined], () => true, 1).length > 0;
}
