/** A request as the routes see it: the transport has read and decoded everything. */
export interface CosmosRequest {
  readonly method: string;
  /** The path without the query string, still percent-encoded. */
  readonly path: string;
  /** The value of a header by its lower-case name. */
  header(name: string): string | undefined;
  /** The body's text; empty when there is none. */
  readonly body: string;
  /** The body's length in bytes. */
  readonly bodyBytes: number;
}

/** The answer to a request; `body` is JSON text. */
export interface CosmosReply {
  readonly status: number;
  readonly body: string | undefined;
  readonly charge: number;
  readonly etag?: string | undefined;
  readonly lsn?: number | undefined;
  readonly continuation?: string | undefined;
  readonly itemCount?: number | undefined;
  readonly subStatus?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  /** How many operations on items the request was. */
  readonly operations?: number | undefined;
}
