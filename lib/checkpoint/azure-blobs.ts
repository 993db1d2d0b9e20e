import {
  type AppendBlobClient,
  type ContainerClient,
  RestError,
  type StoragePipelineOptions,
} from "@azure/storage-blob";
import { messageOf, TidemarkError } from "../errors.ts";
import { noToken } from "../no-token.ts";
import { type AppendOutcome, ambiguous, type BlobItem, type BlobPort } from "./blob-port.ts";

export interface AzureBlobsOptions {
  /** Milliseconds after which a call counts as unanswered; default 10,000. */
  readonly timeout?: number | undefined;
}

const TIMEOUT_MS = 10_000;
const LIST_PAGE = 5_000;
const KNOWN_APPENDERS = 64;

/** Options for the blob client of a checkpoint log: the log itself sends again, sooner, and knows what it sent. */
export const CHECKPOINT_CLIENT_OPTIONS: StoragePipelineOptions = { retryOptions: { maxTries: 1 } };

/** Blobs of one container. The container must exist; make the client with CHECKPOINT_CLIENT_OPTIONS. */
export function azureBlobs(container: ContainerClient, options: AzureBlobsOptions = {}): BlobPort {
  const { timeout = TIMEOUT_MS } = options;
  const limit = (): { abortSignal: AbortSignal } => ({ abortSignal: AbortSignal.timeout(timeout) });
  // A log appends to one blob for hours, and making its client costs a tenth of an append's work.
  const appenders = new Map<string, AppendBlobClient>();
  const appender = (name: string): AppendBlobClient => {
    const known = appenders.get(name);
    if (known) return known;
    if (appenders.size >= KNOWN_APPENDERS) appenders.clear();
    const made = container.getAppendBlobClient(name);
    appenders.set(name, made);
    return made;
  };
  return {
    list: (prefix) =>
      answer("list", prefix, {}, async () => {
        const items: BlobItem[] = [];
        for await (const page of container.listBlobsFlat({ prefix, ...limit() }).byPage({ maxPageSize: LIST_PAGE })) {
          for (const { name, properties } of page.segment.blobItems) {
            items.push({ name, size: properties.contentLength ?? 0 });
          }
        }
        return items;
      }),
    createAppend: (name) =>
      answer("create", name, { BlobAlreadyExists: false }, async () => {
        await container.getAppendBlobClient(name).create({ conditions: ABSENT, ...limit() });
        return true;
      }),
    append: (name, position, bytes) =>
      answer("append", name, APPEND_ANSWERS, async (): Promise<AppendOutcome> => {
        const conditions = { appendPosition: position };
        await appender(name).appendBlock(bytes, bytes.length, { conditions, ...limit() });
        return "appended";
      }),
    create: (name, bytes) =>
      answer("create", name, { BlobAlreadyExists: false }, async () => {
        await container.getBlockBlobClient(name).upload(bytes, bytes.length, { conditions: ABSENT, ...limit() });
        return true;
      }),
    read: (name, from, to) =>
      answer("read", name, READ_ANSWERS, () => download(container, name, from, to, limit().abortSignal)),
    size: (name) =>
      answer("size", name, { BlobNotFound: undefined }, async () => {
        return (await container.getBlobClient(name).getProperties(limit())).contentLength ?? 0;
      }),
    remove: (name) =>
      answer("remove", name, { BlobNotFound: undefined }, async () => {
        await container.getBlobClient(name).delete(limit());
      }),
  };
}

const ABSENT = { ifNoneMatch: "*" };
const APPEND_ANSWERS: Answers<AppendOutcome> = {
  AppendPositionConditionNotMet: "elsewhere",
  BlobNotFound: "missing",
};
const READ_ANSWERS: Answers<Uint8Array | undefined> = { BlobNotFound: undefined, InvalidRange: new Uint8Array(0) };

/** Refusals of the service that are answers. */
type Answers<T> = Readonly<Record<string, T>>;

async function download(
  container: ContainerClient,
  name: string,
  from: number,
  to: number,
  abortSignal: AbortSignal,
): Promise<Uint8Array> {
  if (to <= from) return new Uint8Array(0);
  const { readableStreamBody } = await container.getBlobClient(name).download(from, to - from, {
    abortSignal,
    maxRetryRequests: 0,
  });
  const chunks: Buffer[] = [];
  for await (const chunk of readableStreamBody ?? []) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function answer<T>(call: string, blob: string, answers: Answers<T>, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    const code = codeOf(error);
    if (code !== undefined && Object.hasOwn(answers, code)) return answers[code] as T;
    throw blobError(call, blob, error);
  }
}

/** What a failed call means: UNAVAILABLE, retryable when nobody knows whether it happened, or NOT_FOUND. */
export function blobError(call: string, blob: string, error: unknown): TidemarkError {
  const untold = noToken("Blob storage", error);
  if (untold) return untold;
  const status = error instanceof RestError ? error.statusCode : undefined;
  if (isAmbiguous(status)) return ambiguous(call, blob, error, reasonOf(error, status));
  if (codeOf(error) === "ContainerNotFound") {
    return new TidemarkError("NOT_FOUND", `The container of blob "${blob}" does not exist.`, {
      fix: "Create it, or correct the setting that names it.",
      cause: error,
    });
  }
  return new TidemarkError("UNAVAILABLE", `Blob storage refused ${call} of "${blob}": ${messageOf(error)}`, {
    fix: "Check the key of the connection string, or that the app's identity may read, write and delete blobs in the container.",
    cause: error,
  });
}

/** No status: the connection failed, the answer broke off, or the call took too long. */
function isAmbiguous(status: number | undefined): boolean {
  return status === undefined || status === 408 || status === 429 || status >= 500;
}

/** Answers without a body have no message. */
function reasonOf(error: unknown, status: number | undefined): string {
  const [first = ""] = messageOf(error).split("\n", 1);
  return first.replace(/\.$/, "") || [codeOf(error), status].filter(Boolean).join(", status ");
}

/** The service's word for what happened; answers to HEAD carry it in a header only. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof RestError)) return undefined;
  const header = error.response?.headers.get("x-ms-error-code");
  if (header) return header;
  return error.statusCode === 404 && error.code === undefined ? "BlobNotFound" : error.code;
}
