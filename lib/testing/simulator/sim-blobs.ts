import type { BlobServiceClient, ContainerClient } from "@azure/storage-blob";
import { ambiguous, type BlobPort } from "../../checkpoint/blob-port.ts";
import type { BlobCall, MemoryBlobs } from "../memory-blobs.ts";
import type { Life } from "./life.ts";

const WRITES: ReadonlySet<string> = new Set(["createAppend", "append", "create", "remove"]);

/** The storage of checkpoint logs as one process sees it. */
export function blobsOf(
  blobs: MemoryBlobs,
  life: Life,
  onAppended: (call: BlobCall) => void = () => undefined,
): BlobPort {
  return blobs.via((made, proceed) => {
    const { call, blob } = made;
    const land: typeof proceed = () => {
      const answer = proceed();
      if (answer === "appended") onAppended(made);
      return answer;
    };
    const fail = () => ambiguous(call, blob);
    return life.call({ service: "blob", label: call, changes: WRITES.has(call), bytes: made.bytes, fail }, land);
  });
}

type Watching = (name: string, before: Buffer | undefined, after: Buffer) => void;

interface Upload {
  readonly conditions?: { readonly ifNoneMatch?: string };
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Block blobs, for side outputs and files: each appears whole. Containers exist once somebody created them. */
export class SimBlobContainer {
  readonly blobs = new Map<string, Buffer>();
  exists = false;
  readonly #metadata = new Map<string, Readonly<Record<string, string>>>();
  readonly #watch: Watching;

  constructor(watch: Watching) {
    this.#watch = watch;
  }

  /** The container as one process has it: exactly the calls that the sinks make. */
  client(life: Life): ContainerClient {
    const send = (label: string, changes: boolean, land: () => unknown): Promise<unknown> =>
      life.call({ service: "blob", label, changes, fail: noAnswer }, land);
    const put = (name: string, content: Buffer, upload: Upload = {}): Promise<unknown> => {
      const sent = Buffer.from(content);
      return send("upload", true, () => this.#put(name, sent, upload));
    };
    const container = {
      getBlockBlobClient: (name: string) => ({
        name,
        uploadData: (content: Buffer) => put(name, content),
        upload: (content: Buffer, _length: number, upload: Upload) => put(name, content, upload),
        getProperties: () => send("properties", false, () => this.#properties(name)),
      }),
      createIfNotExists: () =>
        send("container", true, () => {
          this.exists = true;
        }),
    };
    return container as unknown as ContainerClient;
  }

  #put(name: string, content: Buffer, { conditions, metadata = {} }: Upload): void {
    if (!this.exists) throw refusal(404, "ContainerNotFound");
    const before = this.blobs.get(name);
    if (conditions?.ifNoneMatch === "*" && before !== undefined) throw refusal(409, "BlobAlreadyExists");
    this.#watch(name, before, content);
    this.blobs.set(name, content);
    this.#metadata.set(name, metadata);
  }

  #properties(name: string): unknown {
    if (!this.blobs.has(name)) throw refusal(404, "BlobNotFound");
    return { metadata: this.#metadata.get(name) };
  }
}

/** A storage account with these containers, as one process has it. */
export function simBlobService(containers: Readonly<Record<string, SimBlobContainer>>, life: Life): BlobServiceClient {
  const getContainerClient = (name: string) => {
    const container = containers[name];
    if (container === undefined) throw new Error(`There is no container "${name}" in this simulation.`);
    return container.client(life);
  };
  return { getContainerClient } as unknown as BlobServiceClient;
}

function refusal(statusCode: number, code: string): Error {
  return Object.assign(new Error(code), { code, statusCode });
}

function noAnswer(): Error {
  return Object.assign(new Error("no answer"), { code: "REQUEST_SEND_ERROR" });
}
