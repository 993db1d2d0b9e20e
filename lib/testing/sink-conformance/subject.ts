import { AssertionError } from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Connections, Sink } from "../../engine/sink.ts";
import { NO_CONNECTIONS } from "../no-connections.ts";
import { Owner, type OwnerOptions } from "./owner.ts";

/** A sink with a place of its own to write to, and a way to see what came of it. */
export interface SinkUnderTest<T> {
  readonly sink: Sink<T>;
  /** What the sink reaches its service by; default: nothing, for a sink that brings its own. */
  readonly connections?: Connections;
  /** Whether a reader finds the last version of a key, or every version. */
  readonly keeps: "latest" | "every";
  /** A value of this key that tells its version. */
  value(key: string, version: number): T;
  /** Key → versions, in order, as a reader sees them who knows how the sink marks what was sent twice. */
  read(): Promise<ReadonlyMap<string, readonly number[]>>;
  /** A value that can never be written, if there is one: too large, or not of a form that the service takes. */
  readonly impossible?: () => T;
  /** Makes the service fail once, in the midst of the coming delivery. */
  readonly interrupt?: () => void;
  close?(): Promise<void>;
}

export const KEYS: readonly string[] = ["ORD", "ATL", "DFW", "LAX", "ü/ß"];

/** Opens owners of tasks and compares what the service holds with what it should. */
export class Subject<T> {
  readonly under: SinkUnderTest<T>;
  readonly #owners: Owner<T>[] = [];

  constructor(under: SinkUnderTest<T>) {
    this.under = under;
  }

  async open(options: Partial<OwnerOptions> = {}): Promise<Owner<T>> {
    const { sink, connections = NO_CONNECTIONS } = this.under;
    return this.keep(await Owner.open(sink, { connections, ...options }));
  }

  /** Another owner of the same task, or of its next generation. */
  keep(owner: Owner<T>): Owner<T> {
    this.#owners.push(owner);
    return owner;
  }

  values(version: number, keys: readonly string[] = KEYS): T[] {
    return keys.map((key) => this.under.value(key, version));
  }

  /** Every key in these versions, oldest first, or the last of them where a reader finds only that. */
  async holds(versions: readonly number[], keys: readonly string[] = KEYS): Promise<void> {
    const kept = this.under.keeps === "latest" ? versions.slice(-1) : versions;
    const expected = kept.length === 0 ? {} : Object.fromEntries(keys.map((key) => [key, kept]));
    const actual = Object.fromEntries(await this.under.read());
    if (isDeepStrictEqual(actual, expected)) return;
    throw new AssertionError({
      message: `A reader finds ${JSON.stringify(actual)} (key → versions) and should find ${JSON.stringify(expected)}.`,
      actual,
      expected,
    });
  }

  async close(): Promise<void> {
    for (const owner of this.#owners) await owner.task.close();
    await this.under.close?.();
  }
}
