import { badRequest, Refusal, tooLarge } from "./refusal.ts";
import type { CosmosRequest } from "./request.ts";

const longestHead = 64 * 1024;
const largestBody = 16 * 1024 * 1024;

/** A request of one connection, and whether the client wants the connection closed after its answer. */
export class HttpRequest implements CosmosRequest {
  readonly method: string;
  readonly path: string;
  readonly closes: boolean;
  body = "";
  bodyBytes = 0;
  readonly #head: string;
  readonly #lower: string;

  /** Takes everything up to the empty line, in Latin-1. Throws 400. */
  constructor(head: string) {
    const line = /^([A-Z]+) (\S+) HTTP\/1\.([01])\r\n/.exec(head);
    if (line === null) throw badRequest("The HTTP request line is malformed.");
    const [, method = "", target = "", minor] = line;
    this.#head = head;
    this.#lower = head.toLowerCase();
    this.method = method;
    this.path = pathOf(target);
    const connection = this.header("connection")?.toLowerCase();
    this.closes = connection === "close" || (minor === "0" && connection !== "keep-alive");
  }

  // Of the dozen headers the SDK sends few are looked at, so finding those is cheaper than taking all apart.
  header(name: string): string | undefined {
    const at = this.#lower.indexOf(needleOf(name));
    if (at < 0) return undefined;
    const start = at + name.length + 3;
    return this.#head.slice(start, this.#head.indexOf("\r\n", start)).trim();
  }
}

const needles = new Map<string, string>();

function needleOf(name: string): string {
  let needle = needles.get(name);
  if (needle === undefined) {
    needle = `\r\n${name}:`;
    needles.set(name, needle);
  }
  return needle;
}

/**
 * Makes requests of the bytes of one connection. Node's own HTTP server costs more CPU per request than storing a
 * document does; this one reads only what HTTP/1.1 clients of a local service send: keep-alive, pipelining, bodies
 * with a length or in chunks.
 */
export class HttpReader {
  #pieces: Buffer[] = [];
  #bytes = 0;
  /** Below this many bytes there is no use in looking again. */
  #wanted = 0;
  #request: HttpRequest | undefined;
  #bodyStart = 0;
  #bodyLength = 0;
  #askedToContinue = false;

  push(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#bytes += bytes.length;
  }

  /** The next complete request, or undefined until more bytes come. Throws a Refusal when there is no going on. */
  next(): HttpRequest | undefined {
    if (this.#bytes === 0 || this.#bytes < this.#wanted) return undefined;
    const bytes = this.#whole();
    if (this.#request === undefined && !this.#readHead(bytes)) return undefined;
    const request = this.#request as HttpRequest;
    const end = this.#bodyLength < 0 ? this.#readChunks(bytes, request) : this.#readBody(bytes, request);
    if (end < 0) return undefined;
    this.#request = undefined;
    this.#wanted = 0;
    this.#askedToContinue = false;
    this.#bytes = bytes.length - end;
    this.#pieces = this.#bytes === 0 ? [] : [bytes.subarray(end)];
    return request;
  }

  /** True once for a client that waits to be told to send its body. */
  mustContinue(): boolean {
    if (this.#askedToContinue || this.#request?.header("expect")?.toLowerCase() !== "100-continue") return false;
    this.#askedToContinue = true;
    return true;
  }

  #whole(): Buffer {
    if (this.#pieces.length > 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0] as Buffer;
  }

  #readHead(bytes: Buffer): boolean {
    const end = bytes.indexOf("\r\n\r\n");
    if (end < 0 || end > longestHead) {
      if (bytes.length > longestHead) throw new Refusal(431, "The HTTP request head is too large.");
      return false;
    }
    const request = new HttpRequest(bytes.toString("latin1", 0, end + 2));
    this.#request = request;
    this.#bodyStart = end + 4;
    this.#bodyLength = lengthOf(request);
    return true;
  }

  #readBody(bytes: Buffer, request: HttpRequest): number {
    const end = this.#bodyStart + this.#bodyLength;
    if (bytes.length < end) {
      this.#wanted = end;
      return -1;
    }
    request.body = bytes.toString("utf8", this.#bodyStart, end);
    request.bodyBytes = this.#bodyLength;
    return end;
  }

  #readChunks(bytes: Buffer, request: HttpRequest): number {
    const parts: Buffer[] = [];
    let at = this.#bodyStart;
    for (;;) {
      const lineEnd = bytes.indexOf("\r\n", at);
      if (lineEnd < 0) return -1;
      const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
      if (!(size >= 0)) throw badRequest("A chunk of the HTTP request body is malformed.");
      if (at + size - this.#bodyStart > largestBody) throw tooLarge();
      const start = lineEnd + 2;
      if (bytes.length < start + size + 2) return -1;
      at = start + size + 2;
      if (size > 0) parts.push(bytes.subarray(start, start + size));
      else break;
    }
    const whole = Buffer.concat(parts);
    request.body = whole.toString();
    request.bodyBytes = whole.length;
    return at;
  }
}

/** The length of the body in bytes; −1 when it comes in chunks. */
function lengthOf(request: HttpRequest): number {
  if (request.header("transfer-encoding")?.toLowerCase() === "chunked") return -1;
  const length = request.header("content-length") ?? "0";
  if (!/^\d+$/.test(length)) throw badRequest("The Content-Length is malformed.");
  if (Number(length) > largestBody) throw tooLarge();
  return Number(length);
}

function pathOf(target: string): string {
  const path = target.startsWith("/") ? target : (URL.parse(target)?.pathname ?? "/");
  const query = path.indexOf("?");
  return query < 0 ? path : path.slice(0, query);
}
