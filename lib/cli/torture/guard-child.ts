/** Ends the processes that are stopped when its own parent is gone: its standard input then ends. */
import { splitLines } from "../../local/host/lines.ts";

const stopped = new Set<number>();

// The terminal sends Ctrl-C to the whole group, and the parent may need a while to clean up.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => {});

splitLines(process.stdin, (line) => {
  const pid = Number(line.slice(1));
  if (line.startsWith("+")) stopped.add(pid);
  else stopped.delete(pid);
});

process.stdin.on("end", () => {
  for (const pid of stopped) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
});
