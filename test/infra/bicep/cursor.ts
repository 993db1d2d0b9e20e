import type { Token } from "./lexer.ts";
import { BicepError } from "./syntax.ts";

/** A place in a list of tokens, with the few questions that a parser asks. */
export class Cursor {
  readonly file: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(file: string, tokens: readonly Token[]) {
    this.file = file;
    this.#tokens = tokens;
  }

  peek(ahead = 0): Token {
    const last = this.#tokens.at(-1);
    const token = this.#tokens[this.#at + ahead] ?? last;
    if (token === undefined) throw new Error("a token list always holds its end");
    return token;
  }

  next(): Token {
    const token = this.peek();
    this.#at += 1;
    return token;
  }

  get line(): number {
    return this.peek().line;
  }

  is(text: string, ahead = 0): boolean {
    const token = this.peek(ahead);
    return token.text === text && (token.kind === "symbol" || token.kind === "word");
  }

  /** Takes the token when it is `text`. */
  take(text: string): boolean {
    if (!this.is(text)) return false;
    this.#at += 1;
    return true;
  }

  expect(text: string): Token {
    if (!this.is(text)) throw this.error(`expected "${text}" but found ${describe(this.peek())}`);
    return this.next();
  }

  word(what: string): string {
    if (this.peek().kind !== "word") throw this.error(`expected ${what} but found ${describe(this.peek())}`);
    return this.next().text;
  }

  skipNewlines(): boolean {
    const start = this.#at;
    while (this.peek().kind === "newline") this.#at += 1;
    return this.#at > start;
  }

  /** The first token after any newlines. */
  afterNewlines(): Token {
    let ahead = 0;
    while (this.peek(ahead).kind === "newline") ahead += 1;
    return this.peek(ahead);
  }

  endOfStatement(): void {
    const { kind } = this.peek();
    if (kind !== "newline" && kind !== "end") {
      throw this.error(`a statement must end here, but ${describe(this.peek())} follows on the same line`);
    }
  }

  error(message: string): BicepError {
    return new BicepError(this.file, this.line, message);
  }
}

function describe(token: Token): string {
  if (token.kind === "newline") return "the end of the line";
  return token.kind === "end" ? "the end of the file" : JSON.stringify(token.text);
}
