import { readCharge } from "./charge.ts";
import type { Container } from "./container.ts";
import { effectiveKey } from "./effective-key.ts";
import { pageSize, restrictionOf } from "./query-routes.ts";
import { badRequest, unsupported } from "./refusal.ts";
import type { CosmosReply, CosmosRequest } from "./request.ts";

/**
 * Answers a change feed request in latest version mode: each item once, at its last change, in the order of changes.
 * The entity tag of the answer is where the next request goes on; 304 says that there is nothing new.
 */
export function changeFeed(container: Container, request: CosmosRequest): CosmosReply {
  if (/full-fidelity/i.test(String(request.header("a-im"))))
    throw unsupported("The change feed's all versions and deletes mode");
  const after = startOf(container, request.header("if-none-match"));
  const since = sinceOf(request.header("if-modified-since"));
  const most = pageSize(request);
  const inRange = rangeFilter(request);
  const texts: string[] = [];
  let last = container.lsn;
  for (const { body, lsn, key } of container.documents.changes(restrictionOf(container, request), after, since)) {
    if (inRange !== undefined && !inRange(key)) continue;
    texts.push(`${body.slice(0, -1)},"_lsn":${lsn}}`);
    if (texts.length === most) {
      last = lsn;
      break;
    }
  }
  const etag = `"${last}"`;
  if (texts.length === 0) return { status: 304, body: undefined, charge: 1, etag, lsn: container.lsn, operations: 1 };
  const body = `{"_rid":"${container.rid}","Documents":[${texts.join(",")}],"_count":${texts.length}}`;
  const charge = readCharge(body.length);
  container.throughput?.consume(charge);
  return { status: 200, body, charge, etag, lsn: container.lsn, itemCount: texts.length, operations: 1 };
}

function startOf(container: Container, ifNoneMatch: string | undefined): number {
  if (ifNoneMatch === undefined || ifNoneMatch === "") return 0;
  if (ifNoneMatch === "*") return container.lsn;
  const lsn = Number(ifNoneMatch.replaceAll('"', ""));
  if (!Number.isInteger(lsn) || lsn < 0) throw badRequest(`The continuation ${ifNoneMatch} is invalid.`);
  return lsn;
}

function sinceOf(ifModifiedSince: string | undefined): number {
  if (ifModifiedSince === undefined) return 0;
  const milliseconds = Date.parse(ifModifiedSince);
  if (Number.isNaN(milliseconds)) throw badRequest(`The start time ${ifModifiedSince} is invalid.`);
  return Math.floor(milliseconds / 1000);
}

function rangeFilter(request: CosmosRequest): ((key: string) => boolean) | undefined {
  const from = request.header("x-ms-start-epk");
  const to = request.header("x-ms-end-epk");
  if (typeof from !== "string" || typeof to !== "string") return undefined;
  return (key) => {
    const place = effectiveKey(key);
    return place >= from && (to === "FF" || place < to);
  };
}
