import { randomUUID } from "node:crypto";
import type { ContainerClient } from "@azure/storage-blob";
import { blobError } from "../../checkpoint/azure-blobs.ts";
import type { StoredRecord } from "./stored-record.ts";

/** Where it is noted what was brought back: a blob for each lot that was published. */
const FOLDER = "redriven";

type Message = Pick<StoredRecord, "pipeline" | "partition" | "generation" | "sequenceNumber">;

interface Lot {
  readonly at: string;
  /** "generation/sequence number". */
  readonly messages: readonly string[];
}

/**
 * Which messages were brought back already. This is for the eye and to spare work: a message that is published twice
 * all the same is taken once, since the task's own log knows it.
 */
export class Redriven {
  readonly #container: ContainerClient;
  readonly #known = new Map<string, Promise<Map<string, string>>>();

  constructor(container: ContainerClient) {
    this.#container = container;
  }

  /** When a message was brought back, ISO 8601; undefined when it never was. */
  async when(message: Message): Promise<string | undefined> {
    const place = placeOf(message);
    const known = this.#known.get(place) ?? this.#read(place);
    this.#known.set(place, known);
    return (await known).get(keyOf(message));
  }

  /** Notes messages of one partition that were published at a time by the clock. */
  async note(messages: readonly Message[], at: Date): Promise<void> {
    const [first] = messages;
    if (first === undefined) return;
    const lot: Lot = { at: at.toISOString(), messages: messages.map(keyOf) };
    const name = `${FOLDER}/${placeOf(first)}/${lot.at.replaceAll(":", "")}-${randomUUID()}.json`;
    const text = JSON.stringify(lot);
    try {
      await this.#container.getBlockBlobClient(name).upload(text, Buffer.byteLength(text));
    } catch (thrown) {
      throw blobError("create", name, thrown);
    }
  }

  async #read(place: string): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    let reading = `${FOLDER}/${place}/`;
    try {
      for await (const { name } of this.#container.listBlobsFlat({ prefix: reading })) {
        reading = name;
        const text = (await this.#container.getBlobClient(name).downloadToBuffer()).toString("utf8");
        const { at, messages } = JSON.parse(text) as Lot;
        for (const message of messages) found.set(message, at);
      }
    } catch (thrown) {
      throw blobError("read", reading, thrown);
    }
    return found;
  }
}

function placeOf({ pipeline, partition }: Message): string {
  return `${pipeline}/${partition}`;
}

/** A log that was reset has forgotten what it took: what it refuses then may be brought back anew. */
function keyOf({ generation, sequenceNumber }: Message): string {
  return `${generation}/${sequenceNumber}`;
}
