import type { ErrorCode } from "../../errors.ts";

/** What a service in a process of its own tells its parent. */
export type ChildMessage =
  | { readonly kind: "ready"; readonly value: unknown }
  | { readonly kind: "told"; readonly value: unknown }
  | { readonly kind: "failed"; readonly code: ErrorCode | undefined; readonly message: string };
