import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { messageOf, TidemarkError } from "../errors.ts";
import {
  type AppDescription,
  checkApp,
  checkWakers,
  type FunctionDescription,
  type QueueDescription,
  type TimerDescription,
} from "./app-description.ts";

const functions: FunctionDescription[] = [];
const queues: QueueDescription[] = [];
const timers: TimerDescription[] = [];

/** Adds a function to what the app declares; throws PLAN_INVALID when it cannot be in one app with the others. */
export function registerFunction(description: FunctionDescription): void {
  checkApp([...functions, description]);
  functions.push(description);
}

/** Adds a queue of wake-ups to what the app declares; throws PLAN_INVALID when it has one already. */
export function registerQueue(description: QueueDescription): void {
  checkWakers({ queues: [...queues, description], timers });
  queues.push(description);
}

/** Adds a timer to what the app declares; throws PLAN_INVALID when it has one of its kind already. */
export function registerTimer(description: TimerDescription): void {
  checkWakers({ queues, timers: [...timers, description] });
  timers.push(description);
}

/** What was registered in this process so far, in order; like functions themselves, registration is global. */
export function describeApp(): AppDescription {
  return { functions: [...functions], queues: [...queues], timers: [...timers] };
}

/**
 * Imports every module of a folder of functions and returns what they declare; works outside a Functions host too.
 * Throws CONFIGURATION when the folder holds no functions or a module cannot be loaded, PLAN_INVALID for conflicts.
 */
export async function loadApp(functionsFolder: string): Promise<AppDescription> {
  const folder = resolve(functionsFolder);
  const files = await listModules(folder);
  const restore = silenceTestMode();
  try {
    for (const file of files) await importModule(resolve(folder, file));
  } finally {
    restore();
  }
  const app = describeApp();
  if (app.functions.length === 0) {
    throw new TidemarkError("CONFIGURATION", `No function in ${folder} registers a pipeline.`, {
      fix: "Write app.eventHub(name, handle(pipeline, { … })) in a module of that folder.",
    });
  }
  return app;
}

async function listModules(folder: string): Promise<string[]> {
  const entries = await readdir(folder).catch((cause: unknown) => {
    throw new TidemarkError("CONFIGURATION", `The functions folder ${folder} cannot be read.`, {
      fix: "Run the command in the app's folder or name the folder of functions.",
      cause,
    });
  });
  return entries.filter((name) => /\.(ts|mts|js|mjs)$/.test(name) && !/\.(test|d)\.m?[tj]s$/.test(name)).sort();
}

async function importModule(file: string): Promise<void> {
  try {
    await import(pathToFileURL(file).href);
  } catch (cause) {
    if (cause instanceof TidemarkError) throw cause;
    throw new TidemarkError("CONFIGURATION", `${file} cannot be loaded: ${messageOf(cause)}.`, { cause });
  }
}

/** Outside a host, `@azure/functions` warns at every registration that it is in test mode: that is what we want here. */
function silenceTestMode(): () => void {
  const { warn } = console;
  console.warn = (...parts: unknown[]) => {
    if (!/^WARNING: .*"@azure\/functions" package/.test(String(parts[0]))) warn(...parts);
  };
  return () => {
    console.warn = warn;
  };
}
