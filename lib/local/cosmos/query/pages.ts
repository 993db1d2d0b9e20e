import type { Container } from "../container.ts";
import type { Row, Scope } from "../documents.ts";
import type { Json, JsonObject } from "../json.ts";
import { badRequest } from "../refusal.ts";
import type { Prepared } from "./cache.ts";
import type { CompiledQuery, Frame } from "./compile.ts";
import { narrow } from "./narrow.ts";
import { eachRow, runRows, window } from "./run.ts";

/** One page of a query's results, each as JSON text. */
export interface Page {
  readonly texts: readonly string[];
  /** Present when there may be more. */
  readonly continuation: string | undefined;
  /** How many documents were read for it. */
  readonly documents: number;
}

/** A query with everything that decides its results. */
export interface QueryRun {
  readonly prepared: Prepared;
  readonly parameters: ReadonlyMap<string, Json>;
  /** The partition key of the request, if it has one. */
  readonly restriction: Scope;
  readonly most: number;
  readonly continuation: string | undefined;
}

const largestPage = 4 * 1024 * 1024;

/** Runs a query for one page, from the beginning or where a continuation token left off. */
export function queryPage(container: Container, run: QueryRun): Page {
  const { query, compiled } = run.prepared;
  const { scope, exact } = narrow(query, container.keyPaths, run.parameters);
  const combined = combine(run.restriction, scope);
  if (combined === undefined) return { texts: [], continuation: undefined, documents: 0 };
  const effective = exact ? { ...compiled, where: undefined } : compiled;
  const frame: Frame = { slots: [], parameters: run.parameters, aggregates: [], now: container.now() };
  return streams(effective)
    ? streamPage(container, run, effective, combined, frame)
    : bufferedPage(container, run, effective, combined, frame);
}

/** Whether results come out in the order of the documents, so that a page can stop anywhere and go on from there. */
function streams(query: CompiledQuery): boolean {
  const [source] = query.sources;
  return (
    query.grouping === undefined &&
    query.orderBy.length === 0 &&
    !query.distinct &&
    query.sources.length === 1 &&
    source !== undefined &&
    !source.each
  );
}

interface Position {
  /** The creation number of the last document looked at. */
  readonly seq: number;
  readonly skip: number;
  readonly take: number;
}

function streamPage(container: Container, run: QueryRun, query: CompiledQuery, scope: Scope, frame: Frame): Page {
  const whole = window(query, frame, Number.MAX_SAFE_INTEGER);
  const start = run.continuation === undefined ? { seq: 0, ...whole } : readPosition(run.continuation);
  let { skip, take } = start;
  const texts: string[] = [];
  let documents = 0;
  let size = 0;
  let last = start.seq;
  const visit = () => {
    const text = outputText(query, frame, body);
    if (text === undefined) return true;
    if (skip > 0) skip -= 1;
    else {
      texts.push(text);
      size += text.length;
      take -= 1;
    }
    return true;
  };
  let body = "";
  const parse = needsDocument(query);
  for (const row of container.documents.scan({ ...scope, afterSeq: start.seq })) {
    if (take === 0 || texts.length >= run.most || size >= largestPage) {
      const more = take === 0 ? undefined : JSON.stringify({ seq: last, skip, take } satisfies Position);
      return { texts, continuation: more, documents };
    }
    documents += 1;
    body = row.body;
    frame.slots[0] = parse ? (JSON.parse(body) as JsonObject) : null;
    eachRow(query, frame, visit);
    last = row.seq;
  }
  return { texts, continuation: undefined, documents };
}

// `SELECT * FROM c` whose filter is done by SQLite passes the stored text on as it is.
function needsDocument(query: CompiledQuery): boolean {
  return !(query.star && query.where === undefined && query.sources[0]?.slot === 0);
}

function outputText(query: CompiledQuery, frame: Frame, body: string): string | undefined {
  if (query.star && query.sources[0]?.slot === 0) return body;
  const value = query.project(frame);
  return value === undefined ? undefined : JSON.stringify(value);
}

function readPosition(continuation: string): Position {
  try {
    const { seq, skip, take } = JSON.parse(continuation) as Position;
    if ([seq, skip, take].every(Number.isInteger)) return { seq, skip, take };
  } catch {
    // Falls through to the refusal below, as for any other text that isn't one of ours.
  }
  throw badRequest("The continuation token is invalid.");
}

interface Buffered {
  readonly texts: readonly string[];
  /** The length of all texts together. */
  readonly size: number;
  readonly documents: number;
}

/** Results that had to be computed as a whole wait here for their next page; the oldest give way. */
const waiting = new Map<string, Buffered>();
const mostWaiting = 16;
const mostCharacters = 64 * 1024 * 1024;
let tokens = 0;

function bufferedPage(container: Container, run: QueryRun, query: CompiledQuery, scope: Scope, frame: Frame): Page {
  const from = run.continuation === undefined ? { token: "", offset: 0 } : readOffset(run.continuation);
  const known = waiting.get(from.token);
  const whole = known ?? runWhole(container, query, scope, frame);
  const { texts, documents } = whole;
  const end = Math.min(texts.length, from.offset + run.most);
  const read = known === undefined ? documents : 0;
  if (end >= texts.length) {
    waiting.delete(from.token);
    return { texts: texts.slice(from.offset, end), continuation: undefined, documents: read };
  }
  const token = known === undefined ? `${process.pid}-${++tokens}` : from.token;
  keep(token, whole);
  return {
    texts: texts.slice(from.offset, end),
    continuation: JSON.stringify({ token, offset: end }),
    documents: read,
  };
}

// Whoever comes back for results that gave way has them computed again.
function keep(token: string, buffered: Buffered): void {
  waiting.delete(token);
  waiting.set(token, buffered);
  let characters = 0;
  for (const { size } of waiting.values()) characters += size;
  for (const [oldest, { size }] of waiting) {
    if (oldest === token || (waiting.size <= mostWaiting && characters <= mostCharacters)) break;
    waiting.delete(oldest);
    characters -= size;
  }
}

function readOffset(continuation: string): { readonly token: string; readonly offset: number } {
  try {
    const { token, offset } = JSON.parse(continuation) as { token: unknown; offset: unknown };
    if (typeof token === "string" && typeof offset === "number") return { token, offset };
  } catch {
    // As above: not one of ours.
  }
  throw badRequest("The continuation token is invalid.");
}

function runWhole(container: Container, query: CompiledQuery, scope: Scope, frame: Frame): Buffered {
  if (countsOnly(query)) {
    const { index } = query.grouping?.aggregates[0] ?? { index: 0 };
    frame.aggregates[index] = container.documents.count(scope);
    const value = query.project(frame);
    return { texts: value === undefined ? [] : [JSON.stringify(value)], size: 0, documents: 0 };
  }
  let body = "";
  let documents = 0;
  function* rows(source: Iterable<Row>): Generator<void> {
    for (const row of source) {
      documents += 1;
      body = row.body;
      frame.slots[0] = JSON.parse(body) as JsonObject;
      yield;
    }
  }
  const source = query.sources.length === 0 ? [{ seq: 0, body: "{}" }] : container.documents.scan(scope);
  const texts = runRows(query, frame, rows(source), () => outputText(query, frame, body), Number.POSITIVE_INFINITY);
  return { texts, size: texts.reduce((sum, text) => sum + text.length, 0), documents };
}

// COUNT of something that is the same for every document, over documents that SQLite has already selected.
function countsOnly({ grouping, where, sources, orderBy }: CompiledQuery): boolean {
  const [aggregate] = grouping?.aggregates ?? [];
  return (
    where === undefined &&
    orderBy.length === 0 &&
    grouping?.keys.length === 0 &&
    grouping.aggregates.length === 1 &&
    aggregate?.countsRows === true &&
    sources.length === 1 &&
    sources[0]?.slot === 0
  );
}

/** Both restrictions together; undefined when nothing can meet them. */
function combine(left: Scope, right: Scope): Scope | undefined {
  if (left.key !== undefined && right.key !== undefined && left.key !== right.key) return undefined;
  if (left.keyRange !== undefined && right.keyRange !== undefined) {
    const [narrower, wider] = left.keyRange[0].length > right.keyRange[0].length ? [left, right] : [right, left];
    if (!narrower.keyRange?.[0].startsWith(wider.keyRange?.[0] ?? "")) return undefined;
    return { ...left, ...right, keyRange: narrower.keyRange };
  }
  return { ...left, ...right };
}
