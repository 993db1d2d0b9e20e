import { type ChildProcess, spawn } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { TidemarkError } from "../../errors.ts";
import { endOf, lastWordsOf } from "../../local/last-words.ts";
import type { ChildMessage } from "./child-messages.ts";

/** A service that runs in a process of its own. */
export interface ChildService<Value> {
  readonly value: Value;
  readonly pid: number | undefined;
  /** Resolves with the way it ended. */
  readonly exited: Promise<string>;
  /** The last lines that it wrote to standard error. */
  lastWords(): readonly string[];
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 2500;

/** Starts a module that calls `serve`; throws what the service threw, with its code. */
export async function startChild<Value>(
  name: string,
  module: URL,
  options: unknown,
  onTold: (value: unknown) => void = () => {},
): Promise<ChildService<Value>> {
  const child = spawn(process.execPath, [fileURLToPath(module), JSON.stringify(options)], {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    env: { NODE_COMPILE_CACHE: join(tmpdir(), "tidemark-compile-cache"), ...process.env },
  });
  const lastWords = lastWordsOf(child);
  const exited = endOf(child);
  const started = Promise.withResolvers<Exclude<ChildMessage, { kind: "told" }>>();
  child.on("message", (message: ChildMessage) => {
    if (message.kind === "told") onTold(message.value);
    else started.resolve(message);
  });
  const answer = await Promise.race([
    started.promise,
    exited.then((how) => {
      return { kind: "failed", code: undefined, message: `${name} ended while it was starting: ${how}.` } as const;
    }),
  ]);
  if (answer.kind === "failed") throw new TidemarkError(answer.code ?? "UNAVAILABLE", answer.message);
  // The parent may end without stop(): the child notices and ends too.
  child.unref();
  child.channel?.unref();
  return { value: answer.value as Value, pid: child.pid, exited, lastWords, stop: () => stop(child, exited) };
}

async function stop(child: ChildProcess, exited: Promise<string>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.ref();
  if (child.connected) child.send("stop");
  else child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}
