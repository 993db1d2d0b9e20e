import type { ItemWrite } from "../../local/cosmos/index.ts";
import { type Fence, readFence } from "../../sinks/cosmos/fence.ts";
import { breachOf } from "../../testing/fence-breach.ts";

/** What a service that watches its documents tells of them. */
export type FenceNews =
  /** A frame of which a document was written for the first time. */
  | { readonly kind: "frame"; readonly fence: Fence }
  /** A write that no fenced sink makes, in words. */
  | { readonly kind: "breach"; readonly text: string };

/**
 * Looks at every write where nobody can be overtaken: in the database itself. A document that an older frame overwrote
 * shows nothing of it once a newer frame has written it again.
 */
export class FenceWatch {
  readonly #tell: (news: FenceNews) => void;
  readonly #frames = new Set<string>();

  constructor(tell: (news: FenceNews) => void) {
    this.#tell = tell;
  }

  readonly wrote = ({ container, before, after }: ItemWrite): void => {
    const document = JSON.parse(after) as { readonly id: string };
    const fence = readFence(document);
    if (fence === undefined) return;
    const known = before === undefined ? undefined : readFence(JSON.parse(before));
    const wrong = known && breachOf(known, fence);
    if (wrong !== undefined) {
      this.#tell({ kind: "breach", text: `${container}: ${wrong} in document "${document.id}"` });
    }
    const name = frameName(fence);
    if (this.#frames.has(name)) return;
    this.#frames.add(name);
    this.#tell({ kind: "frame", fence });
  };
}

/** What identifies a frame of a task's log. */
export function frameName({ task, g, s, n }: Fence): string {
  return `${task} ${g}-${s} ${n}`;
}
