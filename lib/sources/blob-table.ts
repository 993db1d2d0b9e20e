import type { BlobClient } from "@azure/storage-blob";
import type { TableReader } from "../engine/ports.ts";
import { messageOf, TidemarkError } from "../errors.ts";
import { parseCsv } from "./csv.ts";
import { tableError } from "./table-error.ts";
import type { TableSource } from "./table-source.ts";

export interface BlobTableOptions {
  /** The setting of the storage account. Default "TidemarkStorage". */
  readonly connection?: string;
  readonly container: string;
  /** Its ending says how rows are written: .json (one array), .ndjson, .jsonl, or .csv (with a header; all text). */
  readonly blob: string;
}

type ParseRows = (text: string) => readonly unknown[];

const FORMATS: Readonly<Record<string, ParseRows>> = {
  json: parseArray,
  ndjson: parseLines,
  jsonl: parseLines,
  csv: parseCsv,
};

/** A table whose rows are in one blob; throws PLAN_INVALID when the ending is not one it can read. */
export function blobTable({ connection = "TidemarkStorage", container, blob }: BlobTableOptions): TableSource {
  const parse = FORMATS[/\.([a-z]+)$/.exec(blob)?.[1] ?? ""];
  if (!parse) {
    throw new TidemarkError(
      "PLAN_INVALID",
      `The blob "${blob}" of a table has an ending that says nothing of its form.`,
      {
        fix: "Use .json, .ndjson, .jsonl or .csv.",
      },
    );
  }
  const name = `${container}/${blob}`;
  return {
    kind: "blob",
    target: { kind: "blob", connection, container, blob },
    open: (connections): TableReader => ({
      load: async (knownVersion) => {
        const service = await connections.blobs(connection);
        const client = service.getContainerClient(container).getBlobClient(blob);
        const content = await download(client, knownVersion).catch((thrown: unknown) => {
          throw tableError(thrown, `blob "${name}"`, `Upload it to the storage account of ${connection}.`);
        });
        return content === "unchanged" ? content : { version: content.version, rows: parseRows(parse, content, name) };
      },
    }),
  };
}

interface Content {
  readonly version: string;
  readonly bytes: Buffer;
}

async function download(client: BlobClient, knownVersion: string | undefined): Promise<Content | "unchanged"> {
  const conditions = knownVersion === undefined ? {} : { ifNoneMatch: knownVersion };
  try {
    const { etag = "", readableStreamBody } = await client.download(0, undefined, { conditions, maxRetryRequests: 3 });
    const chunks = await Array.fromAsync(readableStreamBody ?? [], (chunk) => Buffer.from(chunk));
    return { version: etag, bytes: Buffer.concat(chunks) };
  } catch (thrown) {
    if ((thrown as { statusCode?: unknown }).statusCode === 304) return "unchanged";
    throw thrown;
  }
}

function parseRows(parse: ParseRows, { bytes }: Content, name: string): readonly unknown[] {
  try {
    return parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new TidemarkError("CONFIGURATION", `The blob "${name}" cannot be read as a table: ${messageOf(cause)}.`, {
      fix: "Correct the blob, or its ending.",
      cause,
    });
  }
}

function parseArray(text: string): readonly unknown[] {
  const rows: unknown = JSON.parse(text);
  if (!Array.isArray(rows)) throw new Error("it holds no array");
  return rows;
}

function parseLines(text: string): readonly unknown[] {
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    try {
      return [JSON.parse(line) as unknown];
    } catch (cause) {
      throw new Error(`line ${index + 1}: ${messageOf(cause)}`, { cause });
    }
  });
}
