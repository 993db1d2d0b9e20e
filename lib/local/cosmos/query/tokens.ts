import { badRequest, type Refusal } from "../refusal.ts";

/** A piece of query text. Words keep their case; `upper` serves to recognise keywords. */
export interface Token {
  readonly kind: "word" | "number" | "string" | "parameter" | "sign" | "end";
  readonly text: string;
  readonly upper: string;
  readonly at: number;
}

// In this order: white space and comments, words, parameters, numbers, strings, signs (the longer ones first).
const pattern =
  /(\s+|--[^\n]*)|([A-Za-z_$\u0080-\uffff][\w$\u0080-\uffff]*)|(@[\w$]+)|(0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(>>>|\|\||\?\?|<=|>=|<>|!=|<<|>>|[-+*/%=<>()[\]{},.:?!&|^~])/y;

/** Cuts query text into tokens. Throws 400 at a character that begins none. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null) throw syntaxError(text[at] ?? "", at);
    const [all, space, word, parameter, number, string] = match;
    if (space === undefined) {
      if (word !== undefined) tokens.push({ kind: "word", text: word, upper: word.toUpperCase(), at });
      else if (parameter !== undefined) tokens.push({ kind: "parameter", text: parameter, upper: "", at });
      else if (number !== undefined) tokens.push({ kind: "number", text: number, upper: "", at });
      else if (string !== undefined) tokens.push({ kind: "string", text: unquote(string), upper: "", at });
      else tokens.push({ kind: "sign", text: all, upper: all, at });
    }
    at += all.length;
  }
  tokens.push({ kind: "end", text: "end of the query", upper: "", at });
  return tokens;
}

/** The service's 400 for a query that can't be read. */
export function syntaxError(near: string, at: number): Refusal {
  return queryError("SC1001", `Syntax error, incorrect syntax near '${near}'.`, at);
}

/** A 400 in the form of the service's query compiler. */
export function queryError(code: string, message: string, at = 0): Refusal {
  const error = { severity: "Error", location: { start: at, end: at }, code, message };
  return badRequest(`Message: ${JSON.stringify({ errors: [error] })}`);
}

const escapes: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };

function unquote(quoted: string): string {
  const inner = quoted.slice(1, -1);
  if (!inner.includes("\\")) return inner;
  return inner.replace(/\\(?:u([\da-fA-F]{4})|(.))/gs, (_, code: string | undefined, letter: string) =>
    code === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}
