import type { Fence } from "../sinks/cosmos/fence.ts";

/**
 * What a write over another shows that no fenced sink makes: an older frame over a newer one, two frames of one number,
 * or another task; undefined where nothing is wrong. Apart from the sinks' own judgement, which it watches.
 */
export function breachOf(known: Fence, fence: Fence): string | undefined {
  if (known.task !== fence.task) return `task ${fence.task} overwrote task ${known.task}`;
  if (isOlder(fence, known))
    return `frame ${fence.g}-${fence.s} of ${fence.task} overwrote the newer ${known.g}-${known.s}`;
  if (!isOlder(known, fence) && known.n !== fence.n) return `two frames ${fence.g}-${fence.s} of ${fence.task} wrote`;
  return undefined;
}

/** Whether a frame comes before another one of the same task. */
export function isOlder(fence: Fence, other: Fence): boolean {
  return fence.g < other.g || (fence.g === other.g && fence.s < other.s);
}
