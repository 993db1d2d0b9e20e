import Module from "node:module";
import type { LogLevel } from "../events.ts";
import type { Binding, FunctionMetadata, RetryPolicy } from "../protocol.ts";

/** A function's callback as `@azure/functions` registers it. */
export type FunctionCallback = (...args: unknown[]) => unknown;

export interface RegisteredFunction {
  readonly metadata: CoreMetadata;
  readonly callback: FunctionCallback;
}

/** The metadata as the library hands it over, kept whole because the library gets it back at each invocation. */
export interface CoreMetadata {
  readonly name: string;
  readonly functionId?: string;
  readonly bindings: Record<string, Omit<Binding, "name">>;
  readonly retryOptions?: CoreRetryOptions;
}

interface CoreDuration {
  readonly seconds?: number;
}

interface CoreRetryOptions {
  readonly maxRetryCount?: number;
  readonly retryStrategy?: RetryPolicy["strategy"];
  readonly delayInterval?: CoreDuration;
  readonly minimumInterval?: CoreDuration;
  readonly maximumInterval?: CoreDuration;
}

/** The programming model that `@azure/functions` sets. */
export interface ProgrammingModel {
  readonly name: string;
  getInvocationModel(context: unknown): Promise<InvocationModel> | InvocationModel;
  getCapabilities?(capabilities: Record<string, string>): Promise<Record<string, string>>;
}

export interface InvocationModel {
  getArguments(): Promise<{ context: unknown; inputs: unknown[] }>;
  invokeFunction(context: unknown, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: unknown, result: unknown): Promise<unknown>;
}

export type HookName = "appStart" | "appTerminate" | "preInvocation" | "postInvocation" | "log";
type Hook = (context: object) => unknown;
type CoreLog = (level: LogLevel, category: string, message: string) => void;

/** What the app registered while it loaded. */
export interface AppRegistry {
  readonly functions: Map<string, RegisteredFunction>;
  readonly hooks: Readonly<Record<HookName, Hook[]>>;
  model: ProgrammingModel | undefined;
  /** True once the app has loaded: functions can't be added any more. */
  locked: boolean;
}

/** A resource that can be released once. */
class Disposable {
  #onDispose: (() => unknown) | undefined;

  static from(...disposables: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const disposable of disposables) disposable.dispose();
    });
  }

  constructor(onDispose: () => unknown) {
    this.#onDispose = onDispose;
  }

  dispose(): unknown {
    const onDispose = this.#onDispose;
    this.#onDispose = undefined;
    return onDispose?.();
  }
}

/**
 * Makes `require("@azure/functions-core")` work. Only the worker of the Functions host provides that module, and it
 * does so by the same means; without it `@azure/functions` registers nothing.
 */
export function provideCoreModule(hostVersion: string, log: CoreLog): AppRegistry {
  const registry: AppRegistry = {
    functions: new Map(),
    hooks: { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [], log: [] },
    model: undefined,
    locked: false,
  };
  const core = {
    version: WORKER_VERSION,
    hostVersion,
    Disposable,
    log,
    setProgrammingModel: (model: ProgrammingModel) => {
      registry.model = model;
    },
    getProgrammingModel: () => registry.model,
    registerFunction: (metadata: CoreMetadata, callback: FunctionCallback) => register(registry, metadata, callback),
    registerHook: (name: string, hook: Hook) => registerHook(registry, name, hook),
  };
  const original = Module.prototype.require;
  Module.prototype.require = function (this: Module, id: string) {
    return id === "@azure/functions-core" ? core : original.call(this, id);
  } as typeof original;
  return registry;
}

// The library compares it in places; this is the version of the worker whose behaviour is followed here.
const WORKER_VERSION = "3.11.0";

function register(registry: AppRegistry, metadata: CoreMetadata, callback: FunctionCallback): Disposable {
  if (registry.locked) throw systemError("A function can only be registered during app startup.");
  const id = metadata.functionId ?? metadata.name;
  if (registry.functions.has(id)) throw systemError(`A function with id "${id}" has already been registered.`);
  registry.functions.set(id, { metadata: { ...metadata, functionId: id }, callback });
  return new Disposable(() => {
    if (registry.locked) throw systemError("A function can only be disposed during app startup.");
    registry.functions.delete(id);
  });
}

function registerHook(registry: AppRegistry, name: string, hook: Hook): Disposable {
  const hooks = registry.hooks[name as HookName];
  if (hooks === undefined) throw systemError(`Unrecognized hook "${name}"`);
  hooks.push(hook);
  return new Disposable(() => {
    const at = hooks.indexOf(hook);
    if (at >= 0) hooks.splice(at, 1);
  });
}

function systemError(message: string): Error {
  return Object.assign(new Error(message), { isAzureFunctionsSystemError: true });
}

/** What the host needs to know of a registered function. */
export function describeFunction(metadata: CoreMetadata): FunctionMetadata {
  const bindings = Object.entries(metadata.bindings).map(([name, binding]) => ({ ...binding, name }) as Binding);
  const { retryOptions } = metadata;
  const ms = (duration: CoreDuration | undefined) => (duration?.seconds ?? 0) * 1000;
  const retry: RetryPolicy | undefined = retryOptions && {
    strategy: retryOptions.retryStrategy ?? "fixedDelay",
    maxRetryCount: retryOptions.maxRetryCount ?? 0,
    delayMs: ms(retryOptions.delayInterval),
    minimumMs: ms(retryOptions.minimumInterval),
    maximumMs: ms(retryOptions.maximumInterval),
  };
  // Options may hold anything; what can't travel is of no use to the host.
  return {
    functionId: metadata.functionId ?? metadata.name,
    name: metadata.name,
    bindings: JSON.parse(JSON.stringify(bindings)) as Binding[],
    retry,
  };
}
