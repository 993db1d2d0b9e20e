const FIRST_BYTES = 4096;

/**
 * JSON text that is written straight into bytes, ASCII only. Strings that grow by small pieces are trees, and flattening
 * one takes longer than all else that is done for an event.
 */
export class JsonText {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #length = 0;

  /** Adds JSON as it is. */
  add(json: string): void {
    if (this.#length + json.length > this.#bytes.length) this.#grow(json.length);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < json.length; i++) {
      const code = json.charCodeAt(i);
      if (code > LAST_ASCII) {
        this.#addEscaped(json);
        return;
      }
      bytes[at++] = code;
    }
    this.#length = at;
  }

  /** What was added so far; nothing may be added any more. */
  toBytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Beyond ASCII, JSON has characters within texts only, where an escape says the same. */
  #addEscaped(json: string): void {
    this.add(json.replace(BEYOND_ASCII, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`));
  }

  #grow(more: number): void {
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#length + more));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

const LAST_ASCII = 0x7f;
const BEYOND_ASCII = /[^\0-\x7f]/g;
