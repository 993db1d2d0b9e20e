/** A document as the database should hold it, without the database's own fields. */
export type ExpectedDocument = Readonly<Record<string, string | number>>;

/** The documents that one container should hold, by the values that make each of them unique. */
export class ExpectedDocuments<Values> {
  readonly container: string;
  readonly #groups = new Map<string, Values>();
  readonly #create: () => Values;
  readonly #render: (key: string, windowStart: number, values: Values) => ExpectedDocument;

  constructor(
    container: string,
    create: () => Values,
    render: (key: string, windowStart: number, values: Values) => ExpectedDocument,
  ) {
    this.container = container;
    this.#create = create;
    this.#render = render;
  }

  get size(): number {
    return this.#groups.size;
  }

  /** What is gathered for a key's window so far; it may be changed in place. */
  group(key: string, windowStart: number): Values {
    const name = `${key} ${windowStart}`;
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const values = this.#create();
    this.#groups.set(name, values);
    return values;
  }

  /** The document of a key's window, taken out of what is still expected; undefined when there should be none. */
  take(key: string, windowStart: number): ExpectedDocument | undefined {
    const name = `${key} ${windowStart}`;
    const values = this.#groups.get(name);
    this.#groups.delete(name);
    return values === undefined ? undefined : this.#render(key, windowStart, values);
  }

  /** Keys and windows of the documents that nobody took. */
  *missing(): Generator<{ key: string; windowStart: number }> {
    for (const name of this.#groups.keys()) {
      const space = name.lastIndexOf(" ");
      yield { key: name.slice(0, space), windowStart: Number(name.slice(space + 1)) };
    }
  }
}
