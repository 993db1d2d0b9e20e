import { TidemarkError } from "../../errors.ts";

/** An event to be published: its body as it is, a key for the hub to keep, properties that are texts. */
export interface OutgoingEvent {
  readonly body: Uint8Array;
  readonly partitionKey?: string;
  readonly properties?: Readonly<Record<string, string>>;
}

/** The message format of a batch: each data section holds one whole message. */
export const BATCH_FORMAT = 0x8001_3700;

/** Says that the message is durable; a message without a header counts as having none of its annotations either. */
const HEADER = Buffer.from("005370c0020141", "hex");
const ANNOTATIONS = Buffer.from("005372d1", "hex");
const PROPERTIES = Buffer.from("005374d1", "hex");
const DATA = Buffer.from("005375b0", "hex");
const KEY_NAME = Buffer.from("\xa3\x13x-opt-partition-key", "latin1");
const DATA_HEAD_BYTES = DATA.length + 4;
const NOTHING = Buffer.alloc(0);
const MOST_HEADS = 10_000;

/**
 * Encodes events as batches, byte for byte what the SDK's batches say. That one encodes every field of every event by
 * itself, which takes longer than all that the hub does with them; here a key's part is encoded once.
 */
export class BatchEncoder {
  readonly #limit: number;
  readonly #heads = new Map<string, Buffer>();

  /** `limit` is the most bytes that the hub takes in one message. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Yields batches that hold all events in their order; throws LIMIT_EXCEEDED for an event that fits into none. */
  *encode(events: readonly OutgoingEvent[]): Generator<Buffer> {
    let envelope = annotations(events[0]?.partitionKey);
    let parts: { readonly head: Buffer; readonly body: Uint8Array }[] = [];
    let bytes = envelope.length;
    for (const { partitionKey, properties, body } of events) {
      const head = properties === undefined ? this.#head(partitionKey) : headOf(partitionKey, properties);
      const size = 2 * DATA_HEAD_BYTES + head.length + body.length;
      if (bytes + size > this.#limit && parts.length > 0) {
        yield join(envelope, parts, bytes);
        envelope = annotations(partitionKey);
        parts = [];
        bytes = envelope.length;
      }
      if (bytes + size > this.#limit) throw tooLarge(size, this.#limit);
      parts.push({ head, body });
      bytes += size;
    }
    if (parts.length > 0) yield join(envelope, parts, bytes);
  }

  /** What stands before the body of an event with this key. */
  #head(key: string | undefined): Buffer {
    const known = this.#heads.get(key ?? "");
    if (known !== undefined) return known;
    const head = headOf(key, undefined);
    if (this.#heads.size >= MOST_HEADS) this.#heads.clear();
    this.#heads.set(key ?? "", head);
    return head;
  }
}

function headOf(key: string | undefined, properties: OutgoingEvent["properties"]): Buffer {
  const texts = Object.entries(properties ?? {}).flat();
  return Buffer.concat([
    HEADER,
    annotations(key),
    texts.length === 0 ? NOTHING : mapSection(PROPERTIES, texts.map(textValue)),
  ]);
}

function annotations(key: string | undefined): Buffer {
  return key === undefined || key === "" ? NOTHING : mapSection(ANNOTATIONS, [KEY_NAME, textValue(key)]);
}

function join(
  envelope: Buffer,
  parts: readonly { readonly head: Buffer; readonly body: Uint8Array }[],
  bytes: number,
): Buffer {
  const batch = Buffer.allocUnsafe(bytes);
  let at = envelope.copy(batch);
  for (const { head, body } of parts) {
    at = writeDataHead(batch, at, head.length + DATA_HEAD_BYTES + body.length);
    at += head.copy(batch, at);
    at = writeDataHead(batch, at, body.length);
    batch.set(body, at);
    at += body.length;
  }
  return batch;
}

function writeDataHead(batch: Buffer, at: number, length: number): number {
  return batch.writeUInt32BE(length, at + DATA.copy(batch, at));
}

function mapSection(head: Buffer, values: readonly Buffer[]): Buffer {
  const bytes = values.reduce((sum, value) => sum + value.length, 0);
  const sizes = Buffer.alloc(8);
  sizes.writeUInt32BE(bytes + 4, 0);
  sizes.writeUInt32BE(values.length, 4);
  return Buffer.concat([head, sizes, ...values]);
}

function textValue(value: string): Buffer {
  const bytes = Buffer.from(value);
  const short = bytes.length < 0x100;
  const head = Buffer.alloc(short ? 2 : 5, short ? 0xa1 : 0xb1);
  if (short) head.writeUInt8(bytes.length, 1);
  else head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

function tooLarge(bytes: number, limit: number): TidemarkError {
  return new TidemarkError("LIMIT_EXCEEDED", `An event takes ${bytes} bytes and the hub takes at most ${limit}.`);
}
