import type { ItemRefusal, ItemWrite } from "../../local/cosmos/index.ts";
import { type Fence, readFence } from "../../sinks/cosmos/fence.ts";
import { breachOf, isOlder } from "../../testing/fence-breach.ts";

/** What a service that watches its documents tells of them. */
export type FenceNews =
  /** A frame of which a document was written for the first time. */
  | { readonly kind: "frame"; readonly fence: Fence }
  /** A write that no fenced sink makes, in words. */
  | { readonly kind: "breach"; readonly text: string }
  /** A document of which a newer frame of the same task has written a newer version. */
  | { readonly kind: "overtaken"; readonly document: string; readonly fence: Fence; readonly by: Fence }
  /** A write that was refused, and would have replaced a newer version by that of an older frame of the same task. */
  | { readonly kind: "refused"; readonly document: string; readonly fence: Fence };

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
    } else if (known !== undefined && isOlder(known, fence)) {
      this.#tell({ kind: "overtaken", document: `${container}: ${document.id}`, fence: known, by: fence });
    }
    const name = frameName(fence);
    if (this.#frames.has(name)) return;
    this.#frames.add(name);
    this.#tell({ kind: "frame", fence });
  };

  readonly refused = ({ container, stored, refused }: ItemRefusal): void => {
    const [fence, known] = [readFence(refused), readFence(JSON.parse(stored))];
    if (fence === undefined || known === undefined || fence.task !== known.task || !isOlder(fence, known)) return;
    this.#tell({ kind: "refused", document: `${container}: ${refused.id}`, fence });
  };
}

/** What identifies a frame of a task's log. */
export function frameName({ task, g, s, n }: Fence): string {
  return `${task} ${g}-${s} ${n}`;
}
