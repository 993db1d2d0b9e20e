import type { BlobPort } from "../../checkpoint/blob-port.ts";
import { type Fence, taskOf } from "../../sinks/cosmos/fence.ts";
import { type FenceNews, frameName } from "../services/fence-watch.ts";
import { framesInLog } from "./frames-in-logs.ts";

const MOST_TEXTS = 10;

export interface FenceAuditEvents {
  /** The first breaches in words, at once. */
  onBreach(text: string): void;
  /** The first stale write of each frame that was refused, in words. */
  onRefused(text: string): void;
  /** A frame of which a document was overwritten by a newer one, as it should be. */
  onOvertaken(fence: Fence, by: Fence): void;
}

/**
 * What the end state cannot show, because a newer write covers it: documents that an older frame overwrote, documents
 * of frames that were never committed, and how often somebody tried to write what was stale.
 */
export class FenceAudit {
  /** How many writes or frames were wrong. */
  breaches = 0;
  /** How many writes were refused that would have replaced a newer version by an older one. */
  refused = 0;
  /** The first breaches in words. */
  readonly first: string[] = [];
  readonly #frames = new Map<string, Fence>();
  readonly #refusedFrames = new Set<string>();
  readonly #refusedTasks = new Map<string, number>();
  readonly #events: FenceAuditEvents;

  constructor(events: FenceAuditEvents) {
    this.#events = events;
  }

  readonly heard = (news: FenceNews): void => {
    if (news.kind === "frame") this.#frames.set(frameName(news.fence), news.fence);
    else if (news.kind === "breach") this.#breach(news.text);
    else if (news.kind === "overtaken") this.#events.onOvertaken(news.fence, news.by);
    else this.#refusal(news.fence, news.document);
  };

  /** How many stale writes of a task, "pipeline/partition", were refused. */
  refusedOf(task: string): number {
    return this.#refusedTasks.get(task) ?? 0;
  }

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

  #refusal(fence: Fence, document: string): void {
    this.refused++;
    this.#refusedTasks.set(fence.task, this.refusedOf(fence.task) + 1);
    const name = frameName(fence);
    if (this.#refusedFrames.has(name)) return;
    this.#refusedFrames.add(name);
    this.#events.onRefused(`frame ${fence.g}-${fence.s} of ${fence.task} is stale and was refused in ${document}`);
  }

  #breach(text: string): void {
    this.breaches++;
    if (this.first.length === MOST_TEXTS) return;
    this.first.push(text);
    this.#events.onBreach(text);
  }
}
