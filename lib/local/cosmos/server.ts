import { createServer, type Server, type Socket } from "node:net";
import type { Account } from "./account.ts";
import { type Fault, Faults, refusalOf } from "./faults.ts";
import { HttpReader, type HttpRequest } from "./http-reader.ts";
import { Refusal } from "./refusal.ts";
import type { CosmosReply } from "./request.ts";
import { Router } from "./router.ts";

/** What the server has done since it started. */
export interface CosmosStats {
  readonly requests: number;
  /** Operations on items: one per single request, as many as it holds per batch or bulk request. */
  readonly operations: number;
  readonly requestUnits: number;
}

/** The HTTP side: reads requests, answers them once what they wrote is committed, counts. */
export class HttpServer {
  readonly faults = new Faults();
  readonly #server: Server;
  readonly #account: Account;
  readonly #router: Router;
  readonly #sockets = new Set<Socket>();
  #waiting: (() => void)[] = [];
  #endpoint = "";
  #requests = 0;
  #operations = 0;
  #requestUnits = 0;

  constructor(account: Account) {
    this.#account = account;
    this.#router = new Router(account, () => this.#endpoint);
    this.#server = createServer({ noDelay: true }, (socket) => this.#serve(socket));
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
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  stats(): CosmosStats {
    const requestUnits = Math.round(this.#requestUnits * 100) / 100;
    return { requests: this.#requests, operations: this.#operations, requestUnits };
  }

  #serve(socket: Socket): void {
    const reader = new HttpReader();
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    // A client that goes away is no concern of ours: what it sent is done or not, as with any database.
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes: Buffer) => {
      reader.push(bytes);
      try {
        for (let request = reader.next(); request !== undefined; request = reader.next()) this.#answer(request, socket);
        if (reader.mustContinue()) socket.write("HTTP/1.1 100 Continue\r\n\r\n");
      } catch (thrown) {
        // The bytes that follow can't be told apart, so the connection ends with the answer.
        socket.end(render(replyOf(thrown), true));
      }
    });
  }

  #answer(request: HttpRequest, socket: Socket): void {
    this.#requests += 1;
    const fault = this.faults.take(request);
    const reply = fault !== undefined && !fault.afterwards ? undefined : this.#carryOut(request);
    const respond =
      fault === undefined && reply !== undefined
        ? () => send(socket, reply, request.closes)
        : () => sendFault(socket, fault);
    if (!this.#account.inTransaction) {
      respond();
      return;
    }
    // Everything that arrives in this turn of the event loop joins the same transaction.
    if (this.#waiting.push(respond) === 1) setImmediate(() => this.#commit());
  }

  #carryOut(request: HttpRequest): CosmosReply {
    try {
      const reply = this.#router.answer(request);
      this.#requestUnits += reply.charge;
      this.#operations += reply.operations ?? 0;
      return reply;
    } catch (thrown) {
      return replyOf(thrown);
    }
  }

  #commit(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#account.commit();
    for (const respond of waiting) respond();
  }
}

function replyOf(thrown: unknown): CosmosReply {
  if (!(thrown instanceof Refusal)) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return replyOf(new Refusal(500, `The local Cosmos DB server failed: ${message}`));
  }
  const { status, subStatus, retryAfterMs } = thrown;
  return { status, body: thrown.body(), charge: 1, subStatus, retryAfterMs };
}

function sendFault(socket: Socket, fault: Fault | undefined): void {
  if (fault === undefined || fault.status === 0) socket.destroy();
  else send(socket, replyOf(refusalOf(fault)), false);
}

function send(socket: Socket, reply: CosmosReply, closes: boolean): void {
  const text = render(reply, closes);
  if (closes) socket.end(text);
  else socket.write(text);
}

let activities = 0;

// The head and the body leave as one string, so that they are encoded and written at once.
function render(reply: CosmosReply, closes: boolean): string {
  const { status, body = "", etag, lsn, continuation, itemCount, subStatus, retryAfterMs } = reply;
  activities += 1;
  const activity = activities.toString(16).padStart(12, "0");
  let head = `HTTP/1.1 ${status} ${reasons[status] ?? "Status"}\r\ncontent-type: application/json\r\nx-ms-version: 2020-07-15\r\nx-ms-activity-id: 00000000-0000-4000-8000-${activity}\r\nx-ms-request-charge: ${reply.charge}\r\n`;
  if (etag !== undefined) head += `etag: ${etag}\r\n`;
  if (lsn !== undefined) head += `lsn: ${lsn}\r\nx-ms-session-token: 0:-1#${lsn}\r\n`;
  if (continuation !== undefined) head += `x-ms-continuation: ${continuation}\r\n`;
  if (itemCount !== undefined) head += `x-ms-item-count: ${itemCount}\r\n`;
  if (subStatus !== undefined) head += `x-ms-substatus: ${subStatus}\r\n`;
  if (retryAfterMs !== undefined) head += `x-ms-retry-after-ms: ${retryAfterMs}\r\n`;
  if (closes) head += "connection: close\r\n";
  // These two statuses never have a body, nor may they announce one.
  if (status === 204 || status === 304) return `${head}\r\n`;
  return `${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

const reasons: Readonly<Record<number, string>> = {
  200: "Ok",
  201: "Created",
  204: "No Content",
  207: "Multi-Status",
  304: "Not Modified",
  400: "Bad Request",
  404: "Not Found",
  409: "Conflict",
  410: "Gone",
  412: "Precondition Failed",
  413: "Request Entity Too Large",
  429: "Too Many Requests",
};
