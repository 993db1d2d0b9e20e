import { createHook } from "node:async_hooks";
import crypto, { webcrypto } from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import zlib from "node:zlib";

/** Something that a simulated run must not use: a clock, chance, or work that takes real time. */
export interface Breach {
  readonly what: string;
  /** The place in the project, or outside it, that used it. */
  readonly at: string;
}

/** What comes between two steps of a run, without taking time; compression that does not wait is told by its calls. */
const TIMELESS: ReadonlySet<string> = new Set(["PROMISE", "TickObject", "Microtask", "ZLIB"]);
/** Where a run's steps are let happen, one an immediate. */
const STEPS = "lib/testing/simulator/scheduler.ts";
const MOST_FRAMES = 40;
const PROJECT: string = new URL("../../../", import.meta.url).href;

const breaches = new Map<string, Breach>();
let watching = false;

/** Puts itself before the clocks and the chance of this process; to be called before what is watched is loaded. */
export function guard(): void {
  globalThis.Date = new Proxy(Date, {
    construct: (target, given) => {
      if (given.length === 0) note("new Date()");
      return Reflect.construct(target, given);
    },
    apply: (target) => {
      note("Date()");
      return target();
    },
  });
  watch(Date, "Date", ["now"]);
  watch(performance, "performance", ["now"]);
  watch(process.hrtime, "process.hrtime", ["bigint"]);
  watch(process, "process", ["hrtime", "uptime"]);
  watch(Math, "Math", ["random"]);
  const names = ["randomBytes", "randomFill", "randomFillSync", "randomInt", "randomUUID"] as const;
  watch(crypto, "crypto", names);
  watch(webcrypto, "webcrypto", ["getRandomValues", "randomUUID"]);
  const compressing = Object.keys(zlib).filter((name) => /^[a-z]\w*(?<!Sync)$/.test(name) && name !== "crc32");
  watch(zlib, "zlib", compressing.filter(isFunction));
  syncBuiltinESMExports();
  // Timers of every kind, files, sockets, threads, compression in the background: whatever calls back in real time.
  createHook({ init: (_, type) => noteAsync(type) }).enable();
}

function isFunction(name: string): name is keyof typeof zlib {
  return typeof Reflect.get(zlib, name) === "function";
}

/** Runs something that may use nothing real. */
export async function watched<T>(run: () => Promise<T>): Promise<T> {
  watching = true;
  try {
    return await run();
  } finally {
    watching = false;
  }
}

/** What was used while something was watched, each with each place once. */
export function noted(): readonly Breach[] {
  return [...breaches.values()];
}

/** Notes calls of functions that belong to an object; those keep what else they are. */
function watch<T extends object>(owner: T, named: string, names: readonly (keyof T & string)[]): void {
  for (const name of names) {
    const value = new Proxy(owner[name] as () => unknown, {
      apply: (target, _, given) => {
        note(`${named}.${name}`);
        return Reflect.apply(target, owner, given);
      },
    });
    Object.defineProperty(owner, name, { value, configurable: true, writable: true });
  }
}

function noteAsync(type: string): void {
  if (!watching || TIMELESS.has(type)) return;
  const at = caller();
  if (type === "Immediate" && at.startsWith(STEPS)) return;
  add(type, at);
}

function note(what: string): void {
  if (watching) add(what, caller());
}

function add(what: string, at: string): void {
  breaches.set(`${what} at ${at}`, { what, at });
}

/** The innermost line outside this file and Node.js itself. */
function caller(): string {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = MOST_FRAMES;
  const lines = (new Error().stack ?? "").split("\n").slice(1);
  Error.stackTraceLimit = before;
  const line = lines.find((one) => one.includes("file:") && !one.includes(import.meta.url));
  return line?.slice(line.indexOf("file:")).replace(PROJECT, "").replace(/\)$/, "") ?? "an unknown place";
}
