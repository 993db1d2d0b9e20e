import { BicepError } from "./syntax.ts";

export interface Token {
  readonly kind: "word" | "number" | "string" | "symbol" | "newline" | "end";
  readonly text: string;
  readonly line: number;
  /** For a string: literal pieces and, between them, the source of each `${…}` with the line it starts on. */
  readonly parts?: readonly StringPart[];
}

export type StringPart = { readonly text: string } | { readonly source: string; readonly line: number };

const SYMBOLS = ["=>", "==", "!=", "=~", "!~", "<=", ">=", "&&", "||", "??", ".?", "[?", "::"] as const;
const SINGLE = "@={}[]().,:?!<>+-*/%";
const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\", "'": "'", n: "\n", r: "\r", t: "\t", $: "$" };

/** Splits Bicep source into tokens; throws a BicepError on a character or string that Bicep would not read. */
export function tokenize(file: string, source: string, firstLine = 1): Token[] {
  return new Lexer(file, source, firstLine).run();
}

class Lexer {
  readonly #file: string;
  readonly #source: string;
  #at = 0;
  #line: number;
  readonly #tokens: Token[] = [];

  constructor(file: string, source: string, firstLine: number) {
    this.#file = file;
    this.#source = source;
    this.#line = firstLine;
  }

  run(): Token[] {
    while (this.#at < this.#source.length) this.#next();
    this.#push("end", "");
    return this.#tokens;
  }

  #next(): void {
    const char = this.#source.charAt(this.#at);
    if (char === "\n") {
      this.#push("newline", "\n");
      this.#at += 1;
      this.#line += 1;
    } else if (char === " " || char === "\t" || char === "\r") this.#at += 1;
    else if (this.#source.startsWith("//", this.#at)) this.#skipTo(this.#source.indexOf("\n", this.#at));
    else if (this.#source.startsWith("/*", this.#at)) this.#blockComment();
    else if (this.#source.startsWith("'''", this.#at)) this.#multiline();
    else if (char === "'") this.#string();
    else if (/[0-9]/.test(char)) this.#match(/[0-9]+/y, "number");
    else if (/[A-Za-z_]/.test(char)) this.#match(/[A-Za-z_][A-Za-z0-9_]*/y, "word");
    else this.#symbol(char);
  }

  #symbol(char: string): void {
    const text =
      SYMBOLS.find((symbol) => this.#source.startsWith(symbol, this.#at)) ?? (SINGLE.includes(char) ? char : "");
    if (text === "") throw this.#error(`unexpected character ${JSON.stringify(char)}`);
    this.#push("symbol", text);
    this.#at += text.length;
  }

  #match(pattern: RegExp, kind: "number" | "word"): void {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#source)?.[0] ?? "";
    this.#push(kind, text);
    this.#at += text.length;
  }

  #blockComment(): void {
    const end = this.#source.indexOf("*/", this.#at);
    if (end < 0) throw this.#error("a block comment does not end");
    this.#line += this.#source.slice(this.#at, end).split("\n").length - 1;
    this.#at = end + 2;
  }

  #multiline(): void {
    const start = this.#at + 3;
    const end = this.#source.indexOf("'''", start);
    if (end < 0) throw this.#error("a multi-line string does not end");
    const raw = this.#source.slice(start, end);
    // The newline right after the opening quotes is not part of the text.
    this.#push("string", raw, [{ text: raw.replace(/^\r?\n/, "") }]);
    this.#line += raw.split("\n").length - 1;
    this.#at = end + 3;
  }

  #string(): void {
    const start = this.#at;
    const parts: StringPart[] = [];
    let text = "";
    this.#at += 1;
    for (;;) {
      const char = this.#source.charAt(this.#at);
      if (char === "" || char === "\n") throw this.#error("a string does not end on its line");
      if (char === "'") break;
      if (char === "\\") text += this.#escape();
      else if (this.#source.startsWith("${", this.#at)) {
        parts.push({ text }, this.#interpolation());
        text = "";
      } else {
        text += char;
        this.#at += 1;
      }
    }
    this.#at += 1;
    parts.push({ text });
    this.#push("string", this.#source.slice(start, this.#at), parts);
  }

  #escape(): string {
    const unicode = /\\u\{([0-9A-Fa-f]+)\}/y;
    unicode.lastIndex = this.#at;
    const found = unicode.exec(this.#source);
    if (found) {
      this.#at += found[0].length;
      return String.fromCodePoint(Number.parseInt(found[1] ?? "", 16));
    }
    const meaning = ESCAPES[this.#source.charAt(this.#at + 1)];
    if (meaning === undefined) throw this.#error("unknown escape in a string");
    this.#at += 2;
    return meaning;
  }

  #interpolation(): StringPart {
    const start = this.#at + 2;
    let depth = 1;
    let quoted = false;
    let at = start;
    for (; depth > 0; at += 1) {
      const char = this.#source.charAt(at);
      if (char === "" || char === "\n") throw this.#error("an interpolation does not end on its line");
      // A quoted brace does not count; nested interpolations inside quotes are refused by the inner lexer if odd.
      if (char === "'" && this.#source.charAt(at - 1) !== "\\") quoted = !quoted;
      else if (!quoted && char === "{") depth += 1;
      else if (!quoted && char === "}") depth -= 1;
    }
    this.#at = at;
    return { source: this.#source.slice(start, at - 1), line: this.#line };
  }

  #skipTo(end: number): void {
    this.#at = end < 0 ? this.#source.length : end;
  }

  #push(kind: Token["kind"], text: string, parts?: readonly StringPart[]): void {
    this.#tokens.push({ kind, text, line: this.#line, ...(parts && { parts }) });
  }

  #error(message: string): BicepError {
    return new BicepError(this.#file, this.#line, message);
  }
}
