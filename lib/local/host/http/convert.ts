import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpCookie, HttpData, NullableString, TypedData } from "../protocol.ts";

/** A request as the worker wants it. */
export async function requestData(request: IncomingMessage, params: Record<string, string>): Promise<HttpData> {
  const url = new URL(request.url ?? "/", `http://${request.headers.host ?? "localhost"}`);
  const body = await readBody(request);
  return {
    method: request.method ?? "GET",
    url: url.href,
    nullableHeaders: nullable(Object.entries(request.headers).map(([name, value]) => [name, String(value ?? "")])),
    nullableParams: nullable(Object.entries(params)),
    nullableQuery: nullable([...url.searchParams]),
    ...(body.length === 0 ? {} : { body: { bytes: body } }),
  };
}

/** Answers with what a function returned; nothing returned is an empty answer. */
export function writeResponse(response: ServerResponse, data: TypedData | null | undefined): void {
  const http = data?.http;
  if (http === undefined) {
    response.writeHead(204).end();
    return;
  }
  response.statusCode = Number(http.statusCode ?? 200);
  for (const [name, value] of Object.entries(http.headers ?? {})) response.setHeader(name, value);
  const cookies = (http.cookies ?? []).map(cookieText);
  if (cookies.length > 0) response.setHeader("set-cookie", cookies);
  response.end(http.body?.bytes ?? http.body?.string);
}

function nullable(entries: readonly (readonly [string, string])[]): Record<string, NullableString> {
  return Object.fromEntries(entries.map(([name, value]) => [name, { value }]));
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function cookieText(cookie: HttpCookie): string {
  const { name, value, domain, path, expires, secure, httpOnly, sameSite, maxAge } = cookie;
  const seconds = expires?.value?.seconds;
  return [
    `${name}=${encodeURIComponent(value ?? "")}`,
    domain?.value === undefined ? "" : `Domain=${domain.value}`,
    path?.value === undefined ? "" : `Path=${path.value}`,
    maxAge?.value === undefined ? "" : `Max-Age=${maxAge.value}`,
    seconds === undefined ? "" : `Expires=${new Date(seconds * 1000).toUTCString()}`,
    secure?.value ? "Secure" : "",
    httpOnly?.value ? "HttpOnly" : "",
    sameSite === undefined || sameSite === null || sameSite === "none" ? "" : `SameSite=${sameSite}`,
  ]
    .filter((part) => part !== "")
    .join("; ");
}
