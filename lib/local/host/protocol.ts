import type { LogLevel } from "./events.ts";

/**
 * What host and worker say to each other. The real ones speak protobuf over gRPC; the names of the typed data are
 * those of that protocol, because `@azure/functions` reads them.
 */
export interface TypedData {
  readonly string?: string;
  readonly json?: string;
  readonly bytes?: Uint8Array;
  readonly int?: number;
  readonly double?: number;
  readonly http?: HttpData;
  readonly collectionBytes?: { readonly bytes: readonly Uint8Array[] };
  readonly collectionString?: { readonly string: readonly string[] };
  readonly collectionSint64?: { readonly sint64: readonly unknown[] };
}

export interface NullableString {
  readonly value: string;
}

/** An HTTP request or response as it travels. */
export interface HttpData {
  readonly method?: string;
  readonly url?: string;
  readonly nullableHeaders?: Readonly<Record<string, NullableString>>;
  readonly nullableParams?: Readonly<Record<string, NullableString>>;
  readonly nullableQuery?: Readonly<Record<string, NullableString>>;
  readonly statusCode?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly HttpCookie[];
  readonly body?: TypedData;
}

export interface HttpCookie {
  readonly name?: string | null;
  readonly value?: string | null;
  readonly domain?: { readonly value?: string } | null;
  readonly path?: { readonly value?: string } | null;
  readonly expires?: { readonly value?: { readonly seconds?: number } } | null;
  readonly secure?: { readonly value?: boolean } | null;
  readonly httpOnly?: { readonly value?: boolean } | null;
  readonly sameSite?: string | null;
  readonly maxAge?: { readonly value?: number } | null;
}

export interface RetryContext {
  readonly retryCount: number;
  readonly maxRetryCount: number;
  readonly exception?: { readonly message: string; readonly stackTrace: string };
}

/** A binding as the app declared it: type, direction and whatever its type wants. */
export interface Binding {
  readonly name: string;
  readonly type: string;
  readonly direction: "in" | "out" | "inout";
  readonly [option: string]: unknown;
}

/** A function as the app registered it. */
export interface FunctionMetadata {
  readonly functionId: string;
  readonly name: string;
  readonly bindings: readonly Binding[];
  readonly retry?: RetryPolicy | undefined;
}

/** Durations in milliseconds; `maxRetryCount` -1 means for ever. */
export interface RetryPolicy {
  readonly strategy: "fixedDelay" | "exponentialBackoff";
  readonly maxRetryCount: number;
  readonly delayMs: number;
  readonly minimumMs: number;
  readonly maximumMs: number;
}

/** The trigger's value. A frame's blob holds the bytes of `bodies`, one after the other, behind those of the metadata. */
export type TriggerInput =
  | { readonly kind: "typed"; readonly data: TypedData }
  | { readonly kind: "body" }
  | { readonly kind: "bodies"; readonly lengths: Uint32Array };

export interface InvokeMessage {
  readonly kind: "invoke";
  readonly invocationId: string;
  readonly functionId: string;
  readonly bindingName: string;
  readonly input: TriggerInput;
  readonly triggerMetadata: Readonly<Record<string, TypedData>>;
  /** Metadata whose JSON, in ASCII, stands at the beginning of the frame's blob, one after the other. */
  readonly jsonMetadata: readonly { readonly name: string; readonly length: number }[];
  /** Sequence numbers travel as numbers; the worker makes 64-bit integers of them, as protobuf would. */
  readonly sequenceNumbers?: Float64Array | undefined;
  readonly retryContext?: RetryContext | undefined;
}

export type HostMessage =
  | { readonly kind: "load"; readonly appFolder: string; readonly hostVersion: string }
  | InvokeMessage
  | { readonly kind: "terminate" };

export interface InvocationResult {
  readonly outputData: readonly { readonly name: string; readonly data: TypedData }[];
  readonly returnValue?: TypedData | null | undefined;
}

export interface InvocationFailure {
  readonly message: string;
  readonly stack: string;
}

export type WorkerMessage =
  | { readonly kind: "loaded"; readonly functions: FunctionMetadata[]; readonly capabilities: Record<string, string> }
  | { readonly kind: "load-failed"; readonly message: string }
  | { readonly kind: "result"; readonly invocationId: string; readonly result: InvocationResult }
  | { readonly kind: "failure"; readonly invocationId: string; readonly failure: InvocationFailure }
  | {
      readonly kind: "log";
      readonly level: LogLevel;
      readonly category: string;
      readonly message: string;
      readonly invocationId?: string | undefined;
      readonly functionName?: string | undefined;
    };
