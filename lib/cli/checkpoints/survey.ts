import type { BlobItem, ContainerClient } from "@azure/storage-blob";
import { realWorld } from "../../azure/world.ts";
import { azureBlobs } from "../../checkpoint/azure-blobs.ts";
import { type LogContext, logContexts } from "../../checkpoint/context.ts";
import { type BlobCheckpointStore, createCheckpointStore, type LogStatus } from "../../checkpoint/index.ts";
import { listTask, readMarker } from "../../checkpoint/listing.ts";
import { LOGS_FOLDER } from "../../checkpoint/names.ts";
import type { TaskId } from "../../engine/ports.ts";
import { messageOf, TidemarkError } from "../../errors.ts";

/** A blob of a task's log. */
export interface LogBlob {
  readonly name: string;
  readonly bytes: number;
  /** ISO 8601. */
  readonly changed: string;
}

/** A task's log as it stands in storage. */
export interface LogView extends TaskId {
  /**
   * "reset": it ended, and the next generation has not begun. "ended": the same, but the reset that ended it did not come
   * to its end. "unreadable": damaged, incomplete, or written by a newer version; `trouble` says what.
   */
  readonly state: "present" | "reset" | "ended" | "unreadable";
  /** The newest one of which there is a mark; 0 without any. */
  readonly generation: number;
  readonly status: LogStatus | undefined;
  readonly trouble: string | undefined;
  readonly blobs: readonly LogBlob[];
  /** When one of its blobs was written last, ISO 8601. */
  readonly changed: string;
}

/** How many logs are looked at at the same time. */
const AT_ONCE = 16;

/** The checkpoint logs of a storage account. */
export class Survey {
  readonly store: BlobCheckpointStore;
  readonly #container: ContainerClient;
  readonly #contextOf: (task: TaskId) => LogContext;

  constructor(container: ContainerClient) {
    this.#container = container;
    const place = { blobs: azureBlobs(container), world: realWorld };
    this.store = createCheckpointStore(place);
    this.#contextOf = logContexts(place);
  }

  /** Every task that has a log, or had one; by pipeline and partition. */
  async tasks(): Promise<ReadonlyMap<string, readonly LogBlob[]>> {
    const items = await list(this.#container);
    const blobs = Map.groupBy(items, ({ name }) => name.split("/").slice(1, 3).join("/"));
    const sorted = [...blobs].sort(([a], [b]) => a.localeCompare(b, "en", { numeric: true }));
    return new Map(sorted.map(([task, own]) => [task, own.map(blobOf)]));
  }

  /** Looks at some tasks of a listing. */
  async look(tasks: ReadonlyMap<string, readonly LogBlob[]>): Promise<LogView[]> {
    const views: LogView[] = [];
    const waiting = [...tasks];
    for (let at = 0; at < waiting.length; at += AT_ONCE) {
      const lot = waiting.slice(at, at + AT_ONCE).map(([name, blobs]) => this.#view(taskOf(name), blobs));
      views.push(...(await Promise.all(lot)));
    }
    return views;
  }

  /** The generation that a task has, or that its next opening begins. */
  async generationNow(task: TaskId): Promise<{ readonly generation: number; readonly begun: boolean }> {
    const { generation } = await listTask(this.#contextOf(task));
    const begun = (await this.store.peek(task)) !== undefined;
    return { generation: begun ? generation : generation + 1, begun };
  }

  async #view(task: TaskId, blobs: readonly LogBlob[]): Promise<LogView> {
    const changed = blobs.map((blob) => blob.changed).reduce((a, b) => (a > b ? a : b));
    const folder = this.#contextOf(task).folder;
    const generation = Math.max(0, ...blobs.map(({ name }) => folder.generationOf(name) ?? 0));
    const known = { ...task, blobs, changed };
    try {
      const status = await this.store.peek(task);
      if (status !== undefined) {
        return { ...known, state: "present", generation: status.generation, status, trouble: undefined };
      }
      const reserved = generation > 0 && (await readMarker(this.#contextOf(task), generation)).root === undefined;
      return { ...known, state: reserved ? "reset" : "ended", generation, status, trouble: undefined };
    } catch (thrown) {
      // That somebody may not read a log, or not now, says nothing of the log.
      if (thrown instanceof TidemarkError && thrown.code === "UNAVAILABLE") throw thrown;
      return { ...known, state: "unreadable", generation, status: undefined, trouble: messageOf(thrown) };
    }
  }
}

function taskOf(folder: string): TaskId {
  const [pipeline = "", partition = ""] = folder.split("/").map(decodeURIComponent);
  return { pipeline, partition };
}

function blobOf({ name, properties }: BlobItem): LogBlob {
  return { name, bytes: properties.contentLength ?? 0, changed: properties.lastModified.toISOString() };
}

async function list(container: ContainerClient): Promise<BlobItem[]> {
  try {
    return await Array.fromAsync(container.listBlobsFlat({ prefix: `${LOGS_FOLDER}/` }));
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === "ContainerNotFound") return [];
    throw new TidemarkError("UNAVAILABLE", `The checkpoint logs cannot be listed: ${messageOf(thrown)}.`, {
      fix: "See that --connection means the right storage account, and that you may read its blobs (Storage Blob Data Reader; to reset, Contributor).",
      cause: thrown,
    });
  }
}
