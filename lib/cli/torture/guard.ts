import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/**
 * Knows which processes stand still, in a process of its own. Whoever is stopped cannot notice that its parent is gone:
 * when this one's parent goes, in whatever way, the guard ends those that were left standing.
 */
export class Guard {
  readonly #child: ChildProcess;

  constructor() {
    const module = fileURLToPath(new URL("./guard-child.ts", import.meta.url));
    this.#child = spawn(process.execPath, [module], { stdio: ["pipe", "ignore", "inherit"] });
    // It is no reason to go on, nor is its end one to stop.
    this.#child.unref();
    this.#child.on("error", () => {});
    this.#child.stdin?.on("error", () => {});
  }

  /** Says that a process is about to be stopped. */
  stopping(pid: number): void {
    this.#child.stdin?.write(`+${pid}\n`);
  }

  /** Says that it goes on. */
  continued(pid: number): void {
    this.#child.stdin?.write(`-${pid}\n`);
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.ref();
    const exited = once(this.#child, "exit");
    this.#child.stdin?.end();
    await exited;
  }
}
