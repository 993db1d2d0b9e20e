import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TidemarkError } from "../../../errors.ts";
import type { Executor } from "../executor.ts";
import type { Listener } from "../listener.ts";
import type { FunctionMetadata } from "../protocol.ts";
import type { StatusBoard } from "../status.ts";
import { requestData, writeResponse } from "./convert.ts";
import { RouteTable } from "./routes.ts";

export interface HttpTrigger {
  readonly func: FunctionMetadata;
  readonly bindingName: string;
  readonly route: string;
  readonly methods: readonly string[];
}

const HOST = "127.0.0.1";

/** Serves all HTTP functions on one port. Keys and authorization levels are not asked for on a developer's machine. */
export class HttpListener implements Listener {
  readonly #routes = new RouteTable<HttpTrigger>();
  readonly #wantedPort: number;
  readonly #executor: Executor;
  readonly #status: StatusBoard;
  #server: Server | undefined;
  #port: number | undefined;
  #accepting = false;

  constructor(
    triggers: readonly HttpTrigger[],
    routePrefix: string,
    port: number,
    executor: Executor,
    status: StatusBoard,
  ) {
    for (const trigger of triggers) this.#routes.add(`${routePrefix}/${trigger.route}`, trigger.methods, trigger);
    this.#wantedPort = port;
    this.#executor = executor;
    this.#status = status;
  }

  /** The port it listens on. */
  get port(): number | undefined {
    return this.#port;
  }

  async start(): Promise<void> {
    this.#accepting = true;
    if (this.#server !== undefined) return;
    const server = createServer((request, response) => void this.#serve(request, response));
    server.listen(this.#wantedPort, HOST);
    try {
      await once(server, "listening");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      throw new TidemarkError("PORT_TAKEN", `Port ${this.#wantedPort} for HTTP functions is in use.`, {
        fix: "Stop what listens there or choose another port.",
      });
    }
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#accepting = false;
  }

  /** Gives the port back, once the answers that are on their way have been written. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    server.close();
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), CLOSE_AFTER_MS).unref();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?", 1)[0] as string;
    const found = this.#routes.find(request.method ?? "GET", path);
    if (found === undefined) return void response.writeHead(404).end();
    if (!this.#accepting) return void response.writeHead(503, { "retry-after": "1" }).end();
    const { func, bindingName } = found.target;
    const done = this.#status.began(func.name);
    try {
      const http = await requestData(request, found.params);
      const { result, error } = await this.#executor.execute({
        func,
        bindingName,
        reason: "This function was programmatically called via the host APIs.",
        count: 1,
        retry: false,
        input: () => ({ input: { kind: "typed", data: { http } }, triggerMetadata: {} }),
      });
      done(error === undefined);
      if (error !== undefined) response.writeHead(500).end();
      else writeResponse(response, result?.returnValue);
    } catch {
      // The caller hung up; there is nobody to answer.
      done(false);
      response.destroy();
    }
  }
}

const CLOSE_AFTER_MS = 500;
