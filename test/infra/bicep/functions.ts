import { createHash } from "node:crypto";
import { type Bag, Closure, isBag, isList, kindOf, type Value } from "./values.ts";

type Implementation = (...args: readonly Value[]) => Value;

/** Something that looks like Azure's `uniqueString`: thirteen lower-case letters and digits, the same for the same input. */
export function uniqueString(...parts: readonly string[]): string {
  const digest = createHash("sha256").update(parts.join("|")).digest();
  const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
  return Array.from(digest.subarray(0, 13), (byte) => alphabet.charAt(byte % 32)).join("");
}

/** A GUID that depends on nothing but its input. */
export function guid(...parts: readonly string[]): string {
  const hex = createHash("sha256").update(parts.join("|")).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function fail(expected: string, value: Value): never {
  throw new Error(`expected ${expected} but found ${kindOf(value)}`);
}

const text = (value: Value | undefined): string => (typeof value === "string" ? value : fail("string", value ?? null));
const number = (value: Value | undefined): number => (typeof value === "number" ? value : fail("int", value ?? null));
const list = (value: Value | undefined): readonly Value[] =>
  value !== undefined && isList(value) ? value : fail("array", value ?? null);
const bag = (value: Value | undefined): Bag =>
  value !== undefined && isBag(value) ? value : fail("object", value ?? null);
const closure = (value: Value | undefined): Closure =>
  value instanceof Closure ? value : fail("lambda", value ?? null);

function same(left: Value, right: Value): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}

function length(value: Value | undefined): number {
  if (typeof value === "string" || (value !== undefined && isList(value))) return value.length;
  return Object.keys(bag(value)).length;
}

function contains(container: Value | undefined, wanted: Value | undefined): boolean {
  if (typeof container === "string") return container.includes(text(wanted));
  if (container !== undefined && isList(container)) return container.some((item) => same(item, wanted ?? null));
  return Object.keys(bag(container)).includes(text(wanted));
}

function union(...args: readonly Value[]): Value {
  if (args.every(isList)) {
    const all = args.flat();
    return all.filter((item, at) => all.findIndex((other) => same(other, item)) === at);
  }
  return args.map(bag).reduce<Bag>((merged, next) => merge(merged, next), {});
}

function merge(left: Bag, right: Bag): Bag {
  const merged: Record<string, Value> = { ...left };
  for (const [key, value] of Object.entries(right)) {
    const before = merged[key];
    merged[key] = before !== undefined && isBag(before) && isBag(value) ? merge(before, value) : value;
  }
  return merged;
}

function write(value: Value | undefined): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value ?? null);
}

function cidrSubnet(network: string, prefix: number, index: number): string {
  const [address = "", length = "32"] = network.split("/");
  const base = address.split(".").reduce((sum, octet) => sum * 256 + Number(octet), 0);
  if (prefix < Number(length)) throw new Error(`a /${prefix} does not fit into ${network}`);
  const size = 2 ** (32 - prefix);
  const start = base + index * size;
  if (start + size > base + 2 ** (32 - Number(length)))
    throw new Error(`subnet ${index} of /${prefix} leaves ${network}`);
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(start / 2 ** shift) % 256);
  return `${octets.join(".")}/${prefix}`;
}

/** The functions of Bicep that `infra/` calls and that need nothing but their arguments. */
export const FUNCTIONS: ReadonlyMap<string, Implementation> = new Map<string, Implementation>([
  ["array", (value) => (value !== undefined && isList(value) ? value : [value ?? null])],
  ["cidrSubnet", (network, prefix, index) => cidrSubnet(text(network), number(prefix), number(index))],
  ["concat", (...lists) => lists.flatMap(list)],
  ["contains", contains],
  ["empty", (value) => value === null || length(value) === 0],
  ["endsWith", (whole, end) => text(whole).toLowerCase().endsWith(text(end).toLowerCase())],
  ["filter", (items, keep) => list(items).filter((item, at) => closure(keep).call([item, at]) === true)],
  ["first", (items) => (typeof items === "string" ? items.charAt(0) : (list(items)[0] ?? null))],
  ["flatten", (lists) => list(lists).flatMap(list)],
  ["guid", (...parts) => guid(...parts.map(text))],
  [
    "items",
    (value) =>
      Object.entries(bag(value))
        .sort(byKey)
        .map(([key, inner]) => ({ key, value: inner })),
  ],
  ["indexOf", (items, wanted) => list(items).findIndex((item) => same(item, wanted ?? null))],
  ["any", (value) => value ?? null],
  ["join", (items, separator) => list(items).map(write).join(text(separator))],
  ["last", (items) => (typeof items === "string" ? items.slice(-1) : (list(items).at(-1) ?? null))],
  ["length", length],
  ["map", (items, change) => list(items).map((item, at) => closure(change).call([item, at]))],
  ["max", (...values) => Math.max(...values.map(number))],
  ["min", (...values) => Math.min(...values.map(number))],
  ["range", (start, count) => Array.from({ length: number(count) }, (_, at) => number(start) + at)],
  ["replace", (whole, from, to) => text(whole).replaceAll(text(from), text(to))],
  ["split", (whole, separator) => text(whole).split(text(separator))],
  ["startsWith", (whole, start) => text(whole).toLowerCase().startsWith(text(start).toLowerCase())],
  ["string", write],
  [
    "take",
    (value, count) => (typeof value === "string" ? value.slice(0, number(count)) : list(value).slice(0, number(count))),
  ],
  ["toLower", (value) => text(value).toLowerCase()],
  ["toObject", (items, key, value) => toObject(list(items), closure(key), value)],
  ["union", union],
  ["uniqueString", (...parts) => uniqueString(...parts.map(text))],
]);

function byKey([left]: [string, Value], [right]: [string, Value]): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function toObject(items: readonly Value[], key: Closure, value: Value | undefined): Value {
  const entries = items.map((item): [string, Value] => [
    text(key.call([item])),
    value === undefined ? item : closure(value).call([item]),
  ]);
  if (new Set(entries.map(([name]) => name)).size < entries.length) throw new Error("toObject made the same key twice");
  return Object.fromEntries(entries);
}
