import { canonicalText, type Json } from "../json.ts";

/** A value during evaluation; undefined is what a missing property and a failed operation give. */
export type Value = Json | undefined;

/** The order of types when values of several meet in ORDER BY. */
export function typeRank(value: Value): number {
  if (value === undefined) return 0;
  if (value === null) return 1;
  if (typeof value === "boolean") return 2;
  if (typeof value === "number") return 3;
  if (typeof value === "string") return 4;
  return Array.isArray(value) ? 5 : 6;
}

/** The order of ORDER BY, MIN and MAX: by type first, then by value. */
export function order(left: Value, right: Value): number {
  const ranks = typeRank(left) - typeRank(right);
  if (ranks !== 0) return ranks;
  if (typeof left === "object" && left !== null) return ordinal(canonicalText(left), canonicalText(right));
  return ordinal(left as never, right as never);
}

/**
 * Equality: undefined beside undefined gives undefined. Values of different types are simply not equal, so that
 * `c.x != null` holds for a string, as the service has it in practice.
 */
export function equal(left: Value, right: Value): boolean | undefined {
  if (left === undefined || right === undefined) return undefined;
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  return canonicalText(left) === canonicalText(right);
}

/** Below zero, zero, above zero; undefined for different types and for arrays and objects. */
export function compare(left: Value, right: Value): number | undefined {
  const rank = typeRank(left);
  if (rank === 0 || rank > 4 || rank !== typeRank(right)) return undefined;
  return ordinal(left as never, right as never);
}

function ordinal(left: string | number | boolean, right: string | number | boolean): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A number that JSON can hold, or undefined. */
export function finite(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
