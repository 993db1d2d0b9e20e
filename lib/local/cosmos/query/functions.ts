import { canonicalText, isObject, type Json, type JsonObject } from "../json.ts";
import { dateFunctions } from "./dates.ts";
import { equal, finite, type Value } from "./values.ts";

/** A built-in function: how many inputs it takes and what it makes of them. */
export interface BuiltIn {
  readonly least: number;
  readonly most: number;
  readonly apply: (...inputs: Value[]) => Value;
  /** Whether it is given the time of the server's clock, in milliseconds, as its only input. */
  readonly needsNow?: boolean;
}

const define = (least: number, most: number, apply: (...inputs: Value[]) => Value): BuiltIn => ({ least, most, apply });

const ofNumber = (apply: (value: number) => number) =>
  define(1, 1, (value) => (typeof value === "number" ? finite(apply(value)) : undefined));

const ofNumbers = (apply: (left: number, right: number) => number) =>
  define(2, 2, (left, right) =>
    typeof left === "number" && typeof right === "number" ? finite(apply(left, right)) : undefined,
  );

const ofString = (apply: (value: string) => Value) =>
  define(1, 1, (value) => (typeof value === "string" ? apply(value) : undefined));

// A third input of true asks for a comparison that ignores case.
const ofStrings = (apply: (text: string, part: string) => Value) =>
  define(2, 3, (text, part, ignoreCase) => {
    if (typeof text !== "string" || typeof part !== "string") return undefined;
    return ignoreCase === true ? apply(text.toLowerCase(), part.toLowerCase()) : apply(text, part);
  });

const is = (test: (value: Value) => boolean) => define(1, 1, test);

// Halves go away from zero, unlike Math.round.
function round(value: number, digits = 0): number {
  const scale = 10 ** digits;
  return (Math.sign(value) * Math.round(Math.abs(value) * scale)) / scale;
}

const mathFunctions: Readonly<Record<string, BuiltIn>> = {
  ABS: ofNumber(Math.abs),
  ACOS: ofNumber(Math.acos),
  ASIN: ofNumber(Math.asin),
  ATAN: ofNumber(Math.atan),
  ATN2: ofNumbers(Math.atan2),
  CEILING: ofNumber(Math.ceil),
  COS: ofNumber(Math.cos),
  COT: ofNumber((value) => 1 / Math.tan(value)),
  DEGREES: ofNumber((value) => (value * 180) / Math.PI),
  EXP: ofNumber(Math.exp),
  FLOOR: ofNumber(Math.floor),
  LOG: define(1, 2, (value, base) => {
    if (typeof value !== "number" || (base !== undefined && typeof base !== "number")) return undefined;
    return finite(base === undefined ? Math.log(value) : Math.log(value) / Math.log(base));
  }),
  LOG10: ofNumber(Math.log10),
  NUMBERBIN: define(1, 2, (value, size = 1) =>
    typeof value === "number" && typeof size === "number" ? finite(Math.floor(value / size) * size) : undefined,
  ),
  PI: define(0, 0, () => Math.PI),
  POWER: ofNumbers((base, exponent) => base ** exponent),
  RADIANS: ofNumber((value) => (value * Math.PI) / 180),
  RAND: define(0, 0, () => Math.random()),
  ROUND: define(1, 2, (value, digits = 0) =>
    typeof value === "number" && typeof digits === "number" ? finite(round(value, digits)) : undefined,
  ),
  SIGN: ofNumber(Math.sign),
  SIN: ofNumber(Math.sin),
  SQRT: ofNumber(Math.sqrt),
  SQUARE: ofNumber((value) => value * value),
  TAN: ofNumber(Math.tan),
  TRUNC: ofNumber(Math.trunc),
};

const typeFunctions: Readonly<Record<string, BuiltIn>> = {
  IS_ARRAY: is(Array.isArray),
  IS_BOOL: is((value) => typeof value === "boolean"),
  IS_DEFINED: is((value) => value !== undefined),
  IS_FINITE_NUMBER: is((value) => typeof value === "number"),
  IS_INTEGER: is(Number.isSafeInteger),
  IS_NULL: is((value) => value === null),
  IS_NUMBER: is((value) => typeof value === "number"),
  IS_OBJECT: is(isObject),
  IS_PRIMITIVE: is((value) => value !== undefined && (typeof value !== "object" || value === null)),
  IS_STRING: is((value) => typeof value === "string"),
};

const stringFunctions: Readonly<Record<string, BuiltIn>> = {
  CONCAT: define(2, 255, (...parts) => (parts.every((part) => typeof part === "string") ? parts.join("") : undefined)),
  CONTAINS: ofStrings((text, part) => text.includes(part)),
  ENDSWITH: ofStrings((text, part) => text.endsWith(part)),
  INDEX_OF: define(2, 3, (text, part, from = 0) =>
    typeof text === "string" && typeof part === "string" && typeof from === "number"
      ? text.indexOf(part, from)
      : undefined,
  ),
  LEFT: define(2, 2, (text, count) =>
    typeof text === "string" && typeof count === "number" ? text.slice(0, Math.max(0, count)) : undefined,
  ),
  LENGTH: ofString((text) => text.length),
  LOWER: ofString((text) => text.toLowerCase()),
  LTRIM: ofString((text) => text.trimStart()),
  REGEXMATCH: define(2, 3, (text, pattern, flags = "") => {
    if (typeof text !== "string" || typeof pattern !== "string" || typeof flags !== "string") return undefined;
    return new RegExp(pattern, flags.replace(/[^ims]/g, "")).test(text);
  }),
  REPLACE: define(3, 3, (text, find, by) =>
    typeof text === "string" && typeof find === "string" && typeof by === "string"
      ? find === ""
        ? text
        : text.replaceAll(find, () => by)
      : undefined,
  ),
  REPLICATE: define(2, 2, (text, count) =>
    typeof text === "string" && Number.isInteger(count) && Number(count) >= 0 && text.length * Number(count) <= 10_000
      ? text.repeat(Number(count))
      : undefined,
  ),
  REVERSE: ofString((text) => [...text].reverse().join("")),
  RIGHT: define(2, 2, (text, count) =>
    typeof text === "string" && typeof count === "number"
      ? text.slice(Math.max(0, text.length - Math.max(0, count)))
      : undefined,
  ),
  RTRIM: ofString((text) => text.trimEnd()),
  STARTSWITH: ofStrings((text, part) => text.startsWith(part)),
  STRINGEQUALS: ofStrings((text, part) => text === part),
  STRINGJOIN: define(2, 2, (parts, separator) =>
    Array.isArray(parts) && typeof separator === "string" && parts.every((part) => typeof part === "string")
      ? parts.join(separator)
      : undefined,
  ),
  STRINGSPLIT: define(2, 2, (text, separator) =>
    typeof text === "string" && typeof separator === "string" ? text.split(separator) : undefined,
  ),
  STRINGTOARRAY: ofString((text) => parsed(text, Array.isArray)),
  STRINGTOBOOLEAN: ofString((text) => parsed(text, (value) => typeof value === "boolean")),
  STRINGTONULL: ofString((text) => parsed(text, (value) => value === null)),
  STRINGTONUMBER: ofString((text) => parsed(text, (value) => typeof value === "number")),
  STRINGTOOBJECT: ofString((text) => parsed(text, isObject)),
  SUBSTRING: define(3, 3, (text, start, count) =>
    typeof text === "string" && typeof start === "number" && typeof count === "number"
      ? text.slice(Math.max(0, start), Math.max(0, start) + Math.max(0, count))
      : undefined,
  ),
  TOSTRING: define(1, 1, (value) =>
    value === undefined ? undefined : typeof value === "string" ? value : JSON.stringify(value),
  ),
  TRIM: ofString((text) => text.trim()),
  UPPER: ofString((text) => text.toUpperCase()),
};

const arrayFunctions: Readonly<Record<string, BuiltIn>> = {
  ARRAY_CONCAT: define(2, 255, (...arrays) => (arrays.every(Array.isArray) ? (arrays as Json[][]).flat() : undefined)),
  ARRAY_CONTAINS: define(2, 3, (array, value, partial) =>
    Array.isArray(array) ? array.some((item) => matches(item, value, partial === true)) : undefined,
  ),
  ARRAY_CONTAINS_ALL: define(2, 255, (array, ...values) =>
    Array.isArray(array) ? values.every((value) => array.some((item) => matches(item, value, false))) : undefined,
  ),
  ARRAY_CONTAINS_ANY: define(2, 255, (array, ...values) =>
    Array.isArray(array) ? values.some((value) => array.some((item) => matches(item, value, false))) : undefined,
  ),
  ARRAY_LENGTH: define(1, 1, (array) => (Array.isArray(array) ? array.length : undefined)),
  ARRAY_SLICE: define(2, 3, (array, start, count) => {
    if (!Array.isArray(array) || typeof start !== "number") return undefined;
    const from = start < 0 ? Math.max(0, array.length + start) : start;
    return array.slice(from, typeof count === "number" ? from + Math.max(0, count) : undefined);
  }),
  CHOOSE: define(2, 255, (index, ...values) => (typeof index === "number" ? values[index - 1] : undefined)),
  IIF: define(3, 3, (test, yes, no) => (test === true ? yes : no)),
  OBJECTTOARRAY: define(1, 3, (object, key = "k", value = "v") => {
    if (!isObject(object) || typeof key !== "string" || typeof value !== "string") return undefined;
    return Object.entries(object).map(([name, content]) => ({ [key]: name, [value]: content }) as JsonObject);
  }),
  SETINTERSECT: define(2, 2, (left, right) => {
    if (!Array.isArray(left) || !Array.isArray(right)) return undefined;
    const wanted = new Set(right.map(canonicalText));
    return distinct(left).filter((item) => wanted.has(canonicalText(item)));
  }),
  SETUNION: define(2, 2, (left, right) =>
    Array.isArray(left) && Array.isArray(right) ? distinct([...left, ...right]) : undefined,
  ),
};

/** The built-in functions by their upper-case name. */
export const builtIns: Readonly<Record<string, BuiltIn>> = {
  ...mathFunctions,
  ...typeFunctions,
  ...stringFunctions,
  ...arrayFunctions,
  ...dateFunctions,
};

function matches(item: Json, value: Value, partial: boolean): boolean {
  if (!partial || !isObject(item) || !isObject(value)) return equal(item, value) === true;
  return Object.entries(value).every(([name, content]) => equal(item[name], content) === true);
}

function distinct(items: readonly Json[]): Json[] {
  return [...new Map(items.map((item) => [canonicalText(item), item])).values()];
}

function parsed(text: string, fits: (value: Json) => boolean): Value {
  try {
    const value = JSON.parse(text) as Json;
    return fits(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
