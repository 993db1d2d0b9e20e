/**
 * Drains once on SIGTERM and then lets the signal have its way. The host says that an app ends through a hook of its
 * own; the signal alone comes where a container is stopped around it.
 */
export function drainOnSignal(drain: () => Promise<void>): void {
  process.once("SIGTERM", () => {
    void drain().finally(() => {
      // With another listener, how the process ends is that one's business.
      if (process.listenerCount("SIGTERM") === 0) process.kill(process.pid, "SIGTERM");
    });
  });
}
