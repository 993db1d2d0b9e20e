import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";

/** A key that protects nothing, and its certificate for localhost. */
const LOCALHOST = readFileSync(new URL("localhost.pem", import.meta.url), "utf8");

/** What a function app has in Azure: an endpoint that gives its identity tokens. */
export interface ManagedIdentity {
  /** How many tokens it has given. */
  readonly issued: number;
  /** Gives no token from now on, or gives some again. */
  refuse(refusing: boolean): void;
  close(): Promise<void>;
}

/** Gives tokens as App Service does, each good for so many milliseconds; sets the environment that leads there. */
export async function startManagedIdentity(lifetime: number): Promise<ManagedIdentity> {
  let issued = 0;
  let refusing = false;
  const server = createServer((incoming, response) => {
    const { resource } = Object.fromEntries(new URL(incoming.url ?? "", "http://localhost").searchParams);
    if (refusing || incoming.headers["x-identity-header"] !== "secret") {
      return answer(response, 400, { error: "invalid_client", error_description: "The identity was taken away." });
    }
    issued++;
    const expires = Date.now() + lifetime;
    const token = {
      access_token: `until-${expires}`,
      expires_on: Math.floor(expires / 1_000),
      resource,
      token_type: "Bearer",
    };
    return answer(response, 200, token);
  });
  const port = await listen(server);
  Object.assign(process.env, { IDENTITY_ENDPOINT: `http://localhost:${port}/msi/token`, IDENTITY_HEADER: "secret" });
  return {
    get issued() {
      return issued;
    },
    refuse: (is) => {
      refusing = is;
    },
    close: () => close(server),
  };
}

/**
 * A storage account over TLS that takes the tokens of `startManagedIdentity` until they expire. The identity's role is on
 * a container that is there: it may make none.
 */
export async function startTokenGate(blobPort: number, signature: string) {
  setDefaultCACertificates([...getCACertificates(), LOCALHOST.slice(LOCALHOST.indexOf("-----BEGIN CERTIFICATE"))]);
  let refused = 0;
  const server = createTlsServer({ key: LOCALHOST, cert: LOCALHOST }, (incoming, response) => {
    const until = Number(/^Bearer until-(\d+)$/.exec(incoming.headers.authorization ?? "")?.[1] ?? 0);
    if (incoming.method === "PUT" && incoming.url?.includes("restype=container")) {
      response.setHeader("x-ms-error-code", "AuthorizationPermissionMismatch");
      return answer(response, 403, {});
    }
    if (until > Date.now()) return forward(blobPort, signature, incoming, response);
    refused++;
    response.setHeader("x-ms-error-code", "InvalidAuthenticationInfo");
    return answer(response, 401, {});
  });
  const port = await listen(server);
  return {
    endpoint: `https://localhost:${port}/devstoreaccount1`,
    /** How many requests came with a token that was not good any more. */
    get refused() {
      return refused;
    },
    close: () => close(server),
  };
}

function forward(port: number, signature: string, incoming: IncomingMessage, response: ServerResponse): void {
  const { authorization: _, ...headers } = incoming.headers;
  const path = `${incoming.url}${incoming.url?.includes("?") ? "&" : "?"}${signature}`;
  const outgoing = request({ port, host: "127.0.0.1", method: incoming.method, path, headers }, (answered) => {
    response.writeHead(answered.statusCode ?? 500, answered.headers);
    answered.pipe(response);
  });
  outgoing.on("error", () => response.destroy());
  incoming.pipe(outgoing);
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return (server.address() as AddressInfo).port;
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
