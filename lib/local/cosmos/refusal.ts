const words: Readonly<Record<number, string>> = {
  400: "BadRequest",
  401: "Unauthorized",
  403: "Forbidden",
  404: "NotFound",
  405: "MethodNotAllowed",
  408: "RequestTimeout",
  409: "Conflict",
  410: "Gone",
  412: "PreconditionFailed",
  413: "RequestEntityTooLarge",
  424: "FailedDependency",
  429: "TooManyRequests",
  449: "RetryWith",
  500: "InternalServerError",
  501: "NotImplemented",
  503: "ServiceUnavailable",
};

/**
 * An answer of the service that is not a success. It is thrown, but it is not an Error: a refused write is everyday
 * traffic (409 on a retry, 412 on a lost race) and collecting a stack trace would cost more than the write itself.
 */
export class Refusal {
  readonly status: number;
  readonly message: string;
  readonly subStatus: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, message: string, subStatus?: number, retryAfterMs?: number) {
    this.status = status;
    this.message = message;
    this.subStatus = subStatus;
    this.retryAfterMs = retryAfterMs;
  }

  /** The JSON body the SDK reads: without `message` it would fail on the failure. */
  body(): string {
    return JSON.stringify({ code: words[this.status] ?? String(this.status), message: this.message });
  }
}

export const badRequest = (message: string, subStatus?: number) => new Refusal(400, message, subStatus);

export const notFound = () =>
  new Refusal(404, 'Message: {"Errors":["Resource Not Found. Learn more: https://aka.ms/cosmosdb-tsg-not-found"]}');

/** The database or container above the item is missing: the service adds sub-status 1003. */
export const ownerNotFound = (what: string) =>
  new Refusal(404, `Message: {"Errors":["Owner resource does not exist"]}: there is no ${what}`, 1003);

export const conflict = (message = "Resource with specified id or name already exists.") =>
  new Refusal(409, `Message: {"Errors":[${JSON.stringify(message)}]}`);

export const preconditionFailed = (
  message = "Operation cannot be performed because one of the specified precondition is not met.",
) => new Refusal(412, `Message: {"Errors":[${JSON.stringify(message)}]}`);

export const tooLarge = (message = "Request size is too large") =>
  new Refusal(413, `Message: {"Errors":[${JSON.stringify(message)}]}`);

export const tooManyRequests = (retryAfterMs: number) =>
  new Refusal(
    429,
    'Message: {"Errors":["Request rate is large. More Request Units may be needed, so no changes were made."]}',
    3200,
    retryAfterMs,
  );

export const rangeGone = (id: string) =>
  new Refusal(410, `Message: {"Errors":["Partition key range ${id} is gone"]}`, 1002);

/** Something the real service has and this server has not; the message names it. */
export const unsupported = (what: string) =>
  new Refusal(501, `${what} is not supported by Tidemark's local Cosmos DB server.`);
