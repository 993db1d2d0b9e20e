import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** A process of this machine. */
export interface Found {
  readonly pid: number;
  readonly command: string;
  /** Whether it was stopped where it stands. */
  readonly stopped: boolean;
}

/** The processes that inherited a variable of this text, without those that have ended; of Linux only. */
export function processesWith(variable: string): Found[] {
  return readdirSync("/proc").flatMap((name): Found[] => {
    if (!/^\d+$/.test(name)) return [];
    try {
      if (!readFileSync(`/proc/${name}/environ`, "utf8").split("\0").includes(variable)) return [];
      const command = readFileSync(`/proc/${name}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      const state = /\) (\S)/.exec(readFileSync(`/proc/${name}/stat`, "utf8"))?.[1];
      return command === "" ? [] : [{ pid: Number(name), command, stopped: state === "T" }];
    } catch {
      return [];
    }
  });
}

/** Asks again and again until the answer is not undefined; undefined when the time is over. */
export async function eventually<T>(milliseconds: number, ask: () => T | undefined): Promise<T | undefined> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const answer = ask();
    if (answer !== undefined || performance.now() > end) return answer;
    await sleep(50);
  }
}
