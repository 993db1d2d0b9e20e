import type { Query } from "./ast.ts";
import { type CompiledQuery, compileQuery } from "./compile.ts";
import { parseQuery } from "./parser.ts";

/** A query's text read once and kept. */
export interface Prepared {
  readonly query: Query;
  readonly compiled: CompiledQuery;
}

const mostKept = 500;
const kept = new Map<string, Prepared>();

/** Parses and compiles a query unless that was done before. Throws 400 or 501. */
export function prepareQuery(text: string): Prepared {
  let prepared = kept.get(text);
  if (prepared === undefined) {
    const query = parseQuery(text);
    prepared = { query, compiled: compileQuery(query) };
    if (kept.size >= mostKept) kept.clear();
    kept.set(text, prepared);
  }
  return prepared;
}
