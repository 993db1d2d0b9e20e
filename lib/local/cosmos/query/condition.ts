import type { JsonObject } from "../json.ts";
import { unsupported } from "../refusal.ts";

/** Whether a document meets a patch condition such as "from c where c.version < 3". Throws 400 for a malformed one. */
export function conditionHolds(condition: string, _document: JsonObject): boolean {
  throw unsupported(`The patch condition "${condition}"`);
}
