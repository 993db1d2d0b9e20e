import type { EventData, EventDataBatch } from "@azure/event-hubs";

/*
 * The SDK's batch describes every event to a general AMQP encoder, which takes eight times as long as
 * writing the same bytes here. The SDK sends them as it would its own.
 */

/** What the SDK asks a batch for when it sends it, beyond the declared interface. */
interface SentBatch extends EventDataBatch {
  readonly _messageSpanContexts: readonly unknown[];
  _generateMessage(): Buffer;
}

/** An empty header, empty annotations, empty properties: the SDK sends them, so they are sent here. */
const HEAD = Buffer.from("00537045005372d1000000040000000000537345", "hex");
const PROPERTIES = Buffer.from("005374d1", "hex");
const DATA = Buffer.from("005375", "hex");
const BINARY_8 = 0xa0;
const BINARY_32 = 0xb0;
const TEXT_8 = 0xa1;
const TEXT_32 = 0xb1;
const LONGEST_SHORT = 0xff;
const FIRST_BYTES = 64 * 1024;

/** Takes the place of an empty batch of the SDK's; one of another kind is returned as it is. */
export function lightBatch(batch: EventDataBatch): EventDataBatch {
  const known = "_generateMessage" in batch && batch.count === 0 && batch.partitionKey === undefined;
  return known ? new LightBatch(batch) : batch;
}

/** A batch of events that have bytes for a body and texts for properties. */
class LightBatch implements SentBatch {
  readonly partitionId: string;
  readonly partitionKey = undefined as unknown as string;
  readonly maxSizeInBytes: number;
  readonly _messageSpanContexts: readonly unknown[] = [];
  count = 0;
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;

  constructor({ partitionId, maxSizeInBytes }: EventDataBatch) {
    this.partitionId = partitionId as string;
    this.maxSizeInBytes = maxSizeInBytes;
    this.#at = HEAD.copy(this.#bytes);
  }

  get sizeInBytes(): number {
    return this.count === 0 ? 0 : this.#at;
  }

  tryAdd({ body, properties = {} }: EventData): boolean {
    const content = body as Buffer;
    let values = 0;
    let texts = 0;
    for (const name in properties) {
      values += 2;
      texts += textBytes(name) + textBytes(properties[name]);
    }
    const message = HEAD.length + PROPERTIES.length + 8 + texts + dataBytes(content.length);
    const end = this.#at + dataBytes(message);
    if (end > this.maxSizeInBytes) return false;
    this.#reserve(end);
    this.#dataHead(message);
    this.#copy(HEAD);
    this.#copy(PROPERTIES);
    this.#at = this.#bytes.writeUInt32BE(texts + 4, this.#at);
    this.#at = this.#bytes.writeUInt32BE(values, this.#at);
    for (const name in properties) {
      this.#text(name);
      this.#text(properties[name]);
    }
    this.#dataHead(content.length);
    this.#copy(content);
    this.count++;
    return true;
  }

  _generateMessage(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  #reserve(end: number): void {
    if (end <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(end, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
  }

  #copy(bytes: Buffer): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #dataHead(length: number): void {
    this.#copy(DATA);
    this.#head(length, BINARY_8, BINARY_32);
  }

  #text(text: string): void {
    const length = Buffer.byteLength(text);
    this.#head(length, TEXT_8, TEXT_32);
    this.#at +=
      length === text.length ? this.#bytes.write(text, this.#at, "latin1") : this.#bytes.write(text, this.#at);
  }

  #head(length: number, short: number, long: number): void {
    if (length <= LONGEST_SHORT) {
      this.#bytes[this.#at++] = short;
      this.#bytes[this.#at++] = length;
    } else {
      this.#bytes[this.#at] = long;
      this.#at = this.#bytes.writeUInt32BE(length, this.#at + 1);
    }
  }
}

/** With the head that says how long it is. */
function textBytes(text: string): number {
  const length = Buffer.byteLength(text);
  return length + (length <= LONGEST_SHORT ? 2 : 5);
}

function dataBytes(length: number): number {
  return DATA.length + length + (length <= LONGEST_SHORT ? 2 : 5);
}
