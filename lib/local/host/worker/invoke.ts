import { messageOf } from "../../../errors.ts";
import type { LogLevel } from "../events.ts";
import type { InvocationFailure, InvocationResult, InvokeMessage, TypedData } from "../protocol.ts";
import type { AppRegistry } from "./core-module.ts";

export type InvocationLog = (level: LogLevel, category: string, message: string) => void;

/** Data that hooks share over the life of the worker. */
export const appHookData: Record<string, unknown> = {};

/** An invocation as it came from the host. */
export interface Call {
  readonly invocationId: string;
  readonly functionId: string;
  /** As the library reads it; let go when it has, since a batch and its metadata take megabytes. */
  request: object | undefined;
}

/** Makes of the host's message what the library reads. */
export function readCall(message: InvokeMessage, blob: Buffer): Call {
  const { invocationId, functionId } = message;
  return { invocationId, functionId, request: requestOf(message, blob) };
}

/** Runs one invocation as the worker of the Functions host does: arguments, hooks, function, hooks, response. */
export async function invoke(
  app: AppRegistry,
  call: Call,
  logFor: (context: () => unknown, hookData: object) => InvocationLog,
): Promise<InvocationResult> {
  const registered = app.functions.get(call.functionId);
  if (registered === undefined || app.model === undefined) {
    throw new Error(`Function code for '${call.functionId}' is not loaded and cannot be invoked.`);
  }
  const hookData: Record<string, unknown> = {};
  let invocationContext: unknown;
  const core = {
    invocationId: call.invocationId,
    request: call.request,
    metadata: registered.metadata,
    state: undefined as string | undefined,
    log: logFor(() => invocationContext, hookData),
  };
  const inState = async (state: string, work: () => Promise<void>): Promise<void> => {
    core.state = state;
    await work().finally(() => {
      core.state = undefined;
    });
  };

  const model = await app.model.getInvocationModel(core);
  const { context, inputs } = await model.getArguments();
  invocationContext = context;
  call.request = undefined;
  core.request = undefined;

  const pre = hookContext({ hookData, appHookData, invocationContext: context });
  Object.assign(pre, { inputs, functionCallback: registered.callback });
  await inState("preInvocationHooks", () => runHooks(app, "preInvocation", pre));

  const given = pre as { inputs: unknown[]; functionCallback: typeof registered.callback };
  const post = hookContext({ hookData, appHookData, invocationContext: context }) as {
    result: unknown;
    error: unknown;
  };
  Object.assign(post, { inputs: given.inputs, result: null, error: null });
  await inState("invocation", async () => {
    try {
      post.result = await model.invokeFunction(context, given.inputs, given.functionCallback);
    } catch (error) {
      post.error = error;
    }
  });
  await inState("postInvocationHooks", () => runHooks(app, "postInvocation", post));

  // A function that throws null or undefined counts as successful, as in the real worker.
  if (post.error !== null && post.error !== undefined) throw post.error;
  return (await model.getResponse(context, post.result)) as InvocationResult;
}

/** What travels back of something that was thrown. */
export function failureOf(thrown: unknown): InvocationFailure {
  const stack = thrown instanceof Error ? (thrown.stack ?? "") : "";
  return { message: messageOf(thrown), stack };
}

/** Runs the hooks in order; the first that throws stops the rest. */
export async function runHooks(
  app: AppRegistry,
  name: "appStart" | "appTerminate" | "preInvocation" | "postInvocation",
  context: object,
): Promise<void> {
  for (const hook of app.hooks[name]) await hook(context);
}

/** A hook's context: its fixed parts can be read and changed inside, but not replaced. */
export function hookContext(fixed: Record<string, unknown>): object {
  const context = {};
  for (const [key, value] of Object.entries(fixed)) {
    Object.defineProperty(context, key, { value, enumerable: true, writable: false });
  }
  return context;
}

function requestOf(message: InvokeMessage, blob: Buffer): object {
  const { invocationId, functionId, bindingName, retryContext } = message;
  const triggerMetadata: Record<string, TypedData> = { ...message.triggerMetadata };
  let at = 0;
  for (const { name, length } of message.jsonMetadata) {
    triggerMetadata[name] = { json: blob.toString("latin1", at, at + length) };
    at += length;
  }
  if (message.sequenceNumbers !== undefined) {
    triggerMetadata.SequenceNumberArray = {
      collectionSint64: { sint64: Array.from(message.sequenceNumbers, toLong) },
    };
  }
  const inputData = [{ name: bindingName, data: inputOf(message, blob.subarray(at)) }];
  return { invocationId, functionId, inputData, triggerMetadata, retryContext };
}

function inputOf({ input }: InvokeMessage, bodies: Buffer): TypedData {
  if (input.kind === "typed") return input.data;
  if (input.kind === "body") return { bytes: bodies };
  const bytes = new Array<Uint8Array>(input.lengths.length);
  let at = 0;
  for (let i = 0; i < input.lengths.length; i++) {
    const end = at + (input.lengths[i] as number);
    bytes[i] = bodies.subarray(at, end);
    at = end;
  }
  return { collectionBytes: { bytes } };
}

const TWO_TO_32 = 2 ** 32;

// Protobuf's 64-bit integers reach the library as objects of two halves.
function toLong(value: number): object {
  return { low: value | 0, high: Math.floor(value / TWO_TO_32) | 0, unsigned: false };
}
