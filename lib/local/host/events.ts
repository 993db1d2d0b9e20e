/** The levels of the Functions host's logs. */
export type LogLevel = "trace" | "debug" | "information" | "warning" | "error" | "critical" | "none";

/** One line of the host's, the worker's or a function's log. */
export interface LogEntry {
  readonly level: LogLevel;
  /** `Function.<name>.User` for what a function logs, `Host.Function.Console` for the worker's stdout and stderr. */
  readonly category: string;
  readonly functionName?: string | undefined;
  readonly invocationId?: string | undefined;
  readonly message: string;
}

export interface InvocationFacts {
  readonly functionName: string;
  readonly invocationId: string;
  /** Event Hubs triggers only. */
  readonly partition?: string | undefined;
  /** How many events or messages the invocation got. */
  readonly count: number;
}

/** What happens in the host, for screens and tests. */
export type HostEvent =
  | { readonly kind: "worker-started"; readonly pid: number }
  | { readonly kind: "worker-ready"; readonly pid: number; readonly ms: number; readonly restarts: number }
  | { readonly kind: "worker-died"; readonly pid: number; readonly reason: string }
  | { readonly kind: "worker-restarting"; readonly inMs: number; readonly attempt: number }
  | { readonly kind: "host-failed"; readonly message: string }
  | ({ readonly kind: "invocation-started" } & InvocationFacts)
  | ({ readonly kind: "invocation-finished"; readonly ms: number; readonly error?: string } & InvocationFacts)
  | {
      readonly kind: "checkpointed";
      readonly functionName: string;
      readonly partition: string;
      readonly sequenceNumber: number;
    }
  | { readonly kind: "partition-opened"; readonly functionName: string; readonly partition: string }
  | {
      readonly kind: "partition-closed";
      readonly functionName: string;
      readonly partition: string;
      readonly reason: string;
    };

/** Where the parts of the host report to. */
export interface Reporter {
  log(entry: LogEntry): void;
  event(event: HostEvent): void;
}
