import type { RetryPolicy } from "./protocol.ts";

/** How long to wait before the given retry (1 is the first), in milliseconds. */
export function retryDelayMs(policy: RetryPolicy, retry: number): number {
  if (policy.strategy === "fixedDelay") return policy.delayMs;
  return Math.min(policy.maximumMs, policy.minimumMs * 2 ** (retry - 1));
}

/** True when the policy allows the given retry (1 is the first); -1 allows every one. */
export function mayRetry(policy: RetryPolicy | undefined, retry: number): boolean {
  return policy !== undefined && (policy.maxRetryCount === -1 || retry <= policy.maxRetryCount);
}
