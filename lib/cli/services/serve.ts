import { messageOf, TidemarkError } from "../../errors.ts";
import type { ChildMessage } from "./child-messages.ts";

export interface Served {
  /** What the parent needs to know: plain data. */
  readonly value: unknown;
  stop(): Promise<void>;
}

const LONGEST_END_MS = 4000;

/**
 * Runs a service as a child process: starts it with the options of the command line, reports, and ends in good order
 * when the parent says so or is gone. What the service tells on the way, plain data, the parent hears in order.
 */
export async function serve<Options>(
  start: (options: Options, tell: (value: unknown) => void) => Promise<Served>,
): Promise<void> {
  // The terminal sends Ctrl-C to the whole group: the parent decides when this process ends.
  process.on("SIGINT", () => {});
  let served: Served | undefined;
  let ending = false;
  const end = (): void => {
    if (ending) return;
    ending = true;
    // What it needs for an end in good order may be gone as well.
    setTimeout(() => process.exit(1), LONGEST_END_MS).unref();
    void (served?.stop() ?? Promise.resolve()).finally(() => process.exit(0));
  };
  process.on("SIGTERM", end);
  process.on("disconnect", end);
  process.on("message", (message) => message === "stop" && end());
  // It may have gone before anybody listened.
  if (!process.connected) return end();
  try {
    served = await start(JSON.parse(process.argv[2] ?? "{}") as Options, (value) => {
      report({ kind: "told", value });
    });
    report({ kind: "ready", value: served.value });
  } catch (error) {
    const code = error instanceof TidemarkError ? error.code : undefined;
    report({ kind: "failed", code, message: messageOf(error) });
    process.disconnect();
  }
}

function report(message: ChildMessage): void {
  if (process.connected) process.send?.(message);
}
