import type { BlobServiceClient } from "@azure/storage-blob";
import { ambiguous, type BlobPort } from "../../checkpoint/blob-port.ts";
import type { MemoryBlobs } from "../memory-blobs.ts";
import type { Life } from "./life.ts";

const WRITES: ReadonlySet<string> = new Set(["createAppend", "append", "create", "remove"]);

/** The storage of checkpoint logs as one process sees it. */
export function blobsOf(blobs: MemoryBlobs, life: Life): BlobPort {
  return blobs.via(({ call, blob }, proceed) =>
    life.call({ service: "blob", label: call, changes: WRITES.has(call), fail: () => ambiguous(call, blob) }, proceed),
  );
}

/** Block blobs, for side outputs: each appears whole. Containers exist once somebody created them. */
export class SimBlobContainer {
  readonly blobs = new Map<string, Buffer>();
  exists = false;
  readonly #watch: (name: string, before: Buffer | undefined, after: Buffer) => void;

  constructor(watch: (name: string, before: Buffer | undefined, after: Buffer) => void) {
    this.#watch = watch;
  }

  /** A client as one process has it: exactly the calls that the side output makes. */
  client(life: Life): BlobServiceClient {
    const send = (label: string, changes: boolean, land: () => unknown): Promise<unknown> =>
      life.call({ service: "blob", label, changes, fail: noAnswer }, land);
    const uploadData = (name: string, content: Buffer): Promise<unknown> => {
      const sent = Buffer.from(content);
      return send("upload", true, () => {
        if (!this.exists)
          throw Object.assign(new Error("no container"), { code: "ContainerNotFound", statusCode: 404 });
        this.#watch(name, this.blobs.get(name), sent);
        this.blobs.set(name, sent);
      });
    };
    const container = {
      getBlockBlobClient: (name: string) => ({ uploadData: (content: Buffer) => uploadData(name, content) }),
      createIfNotExists: () =>
        send("container", true, () => {
          this.exists = true;
        }),
    };
    return { getContainerClient: () => container } as unknown as BlobServiceClient;
  }
}

function noAnswer(): Error {
  return Object.assign(new Error("no answer"), { code: "REQUEST_SEND_ERROR" });
}
