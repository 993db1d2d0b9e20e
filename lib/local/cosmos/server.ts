import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Account } from "./account.ts";
import { type Fault, Faults, refusalOf } from "./faults.ts";
import { Refusal } from "./refusal.ts";
import type { CosmosReply, CosmosRequest } from "./request.ts";
import { Router } from "./router.ts";

/** What the server has done since it started. */
export interface CosmosStats {
  readonly requests: number;
  /** Operations on items: one per single request, as many as it holds per batch or bulk request. */
  readonly operations: number;
  readonly requestUnits: number;
}

const largestBody = 16 * 1024 * 1024;

/** The HTTP side: reads requests, answers them once what they wrote is committed, counts. */
export class HttpServer {
  readonly faults = new Faults();
  readonly #server: Server;
  readonly #account: Account;
  readonly #router: Router;
  readonly #waiting: (() => void)[] = [];
  #endpoint = "";
  #requests = 0;
  #operations = 0;
  #requestUnits = 0;

  constructor(account: Account) {
    this.#account = account;
    this.#router = new Router(account, () => this.#endpoint);
    this.#server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0, noDelay: true }, (message, response) =>
      this.#receive(message, response),
    );
  }

  /** Starts listening; resolves to the port. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        const bound = typeof address === "object" && address !== null ? address.port : port;
        this.#endpoint = `http://localhost:${bound}/`;
        resolve(bound);
      });
    });
  }

  /** Commits what is open, cuts every connection, resolves once the port is free. */
  close(): Promise<void> {
    this.#commit();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  stats(): CosmosStats {
    const requestUnits = Math.round(this.#requestUnits * 100) / 100;
    return { requests: this.#requests, operations: this.#operations, requestUnits };
  }

  #receive(message: IncomingMessage, response: ServerResponse): void {
    const chunks: Buffer[] = [];
    let length = 0;
    message.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length <= largestBody) chunks.push(chunk);
      else message.destroy();
    });
    message.on("end", () => {
      const body = chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString();
      const [path = "/"] = (message.url ?? "/").split("?", 1);
      this.#answer({ method: message.method ?? "GET", path, headers: message.headers, body }, response);
    });
    message.on("error", () => response.destroy());
  }

  #answer(request: CosmosRequest, response: ServerResponse): void {
    this.#requests += 1;
    const fault = this.faults.take(request);
    const reply = fault !== undefined && !fault.afterwards ? undefined : this.#carryOut(request);
    const respond = fault === undefined ? () => send(response, reply ?? lost) : () => sendFault(response, fault);
    if (!this.#account.inTransaction) {
      respond();
      return;
    }
    // Everything that arrives in this turn of the event loop joins the same transaction.
    if (this.#waiting.push(respond) === 1) setImmediate(() => this.#commit());
  }

  #carryOut(request: CosmosRequest): CosmosReply {
    try {
      const reply = this.#router.answer(request);
      this.#requestUnits += reply.charge;
      this.#operations += reply.operations ?? 0;
      return reply;
    } catch (thrown) {
      if (thrown instanceof Refusal) return replyOf(thrown);
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      return replyOf(new Refusal(500, `The local Cosmos DB server failed: ${message}`));
    }
  }

  #commit(): void {
    const waiting = this.#waiting.splice(0);
    this.#account.commit();
    for (const respond of waiting) respond();
  }
}

const lost = replyOf(new Refusal(500, "No answer."));

function replyOf(refusal: Refusal): CosmosReply {
  const { status, subStatus, retryAfterMs } = refusal;
  return { status, body: refusal.body(), charge: 1, subStatus, retryAfterMs };
}

function sendFault(response: ServerResponse, fault: Fault): void {
  if (fault.status === 0) response.destroy();
  else send(response, replyOf(refusalOf(fault)));
}

let activities = 0;

function send(response: ServerResponse, reply: CosmosReply): void {
  const { status, body = "", etag, lsn, continuation, itemCount, subStatus, retryAfterMs } = reply;
  activities += 1;
  const headers = [
    "content-type",
    "application/json",
    "x-ms-activity-id",
    `00000000-0000-4000-8000-${activities.toString(16).padStart(12, "0")}`,
    "x-ms-request-charge",
    String(reply.charge),
    "x-ms-version",
    "2020-07-15",
    "content-length",
    String(Buffer.byteLength(body)),
  ];
  if (etag !== undefined) headers.push("etag", etag);
  if (lsn !== undefined) headers.push("lsn", String(lsn), "x-ms-session-token", `0:-1#${lsn}`);
  if (continuation !== undefined) headers.push("x-ms-continuation", continuation);
  if (itemCount !== undefined) headers.push("x-ms-item-count", String(itemCount));
  if (subStatus !== undefined) headers.push("x-ms-substatus", String(subStatus));
  if (retryAfterMs !== undefined) headers.push("x-ms-retry-after-ms", String(retryAfterMs));
  response.writeHead(status, headers);
  response.end(body);
}
