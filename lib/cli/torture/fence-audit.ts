import type { BlobPort } from "../../checkpoint/blob-port.ts";
import { type Fence, taskOf } from "../../sinks/cosmos/fence.ts";
import { type FenceNews, frameName } from "../services/fence-watch.ts";
import { framesInLog } from "./frames-in-logs.ts";

const MOST_TEXTS = 10;

/**
 * What the end state cannot show, because a newer write covers it: documents that an older frame overwrote, and
 * documents of frames that were never committed.
 */
export class FenceAudit {
  /** How many writes or frames were wrong. */
  breaches = 0;
  /** The first of them in words. */
  readonly first: string[] = [];
  readonly #frames = new Map<string, Fence>();
  readonly #onBreach: (text: string) => void;

  /** `onBreach` hears of the first at once. */
  constructor(onBreach: (text: string) => void) {
    this.#onBreach = onBreach;
  }

  readonly heard = (news: FenceNews): void => {
    if (news.kind === "frame") this.#frames.set(frameName(news.fence), news.fence);
    else this.#breach(news.text);
  };

  /** Looks for every frame that wrote a document in its task's log; resolves to the number of frames. */
  async compareWithLogs(blobs: BlobPort): Promise<number> {
    const tasks = new Set([...this.#frames.values()].map(({ task }) => task));
    for (const task of tasks) {
      const log = await framesInLog(blobs, taskOf(task));
      for (const [name, fence] of this.#frames) {
        if (fence.task !== task || log.names.has(name) || log.mayHaveGone(fence.g, fence.s)) continue;
        this.#breach(`frame ${fence.g}-${fence.s} of ${task} wrote documents and was never committed`);
      }
    }
    return this.#frames.size;
  }

  #breach(text: string): void {
    this.breaches++;
    if (this.first.length === MOST_TEXTS) return;
    this.first.push(text);
    this.#onBreach(text);
  }
}
