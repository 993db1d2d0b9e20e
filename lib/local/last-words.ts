import type { ChildProcess } from "node:child_process";
import { splitLines } from "./host/lines.ts";

const MOST_LINES = 12;

/** Passes on what a child process writes to its standard error, and remembers the last lines of it. */
export function lastWordsOf(child: ChildProcess): () => readonly string[] {
  const lines: string[] = [];
  const { stderr } = child;
  splitLines(stderr, (line) => {
    process.stderr.write(`${line}\n`);
    if (lines.push(line) > MOST_LINES) lines.shift();
  });
  // It must not keep its parent alive; in truth the stream is a socket.
  (stderr as Partial<{ unref(): void }> | null)?.unref?.();
  return () => lines;
}

/** Resolves with the way a child process ends: a signal or an exit code. */
export function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });
}
