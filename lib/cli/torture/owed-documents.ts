import type { BlobPort } from "../../checkpoint/blob-port.ts";
import { decodeOutbox } from "../../checkpoint/body.ts";
import { placeOf } from "../../checkpoint/errors.ts";
import { bodyOf } from "../../checkpoint/read-frames.ts";
import { taskOf } from "../../sinks/cosmos/fence.ts";
import type { Debt } from "./debts.ts";
import { dataFrames } from "./frames-in-logs.ts";

/** What a document of one of the pipelines in `functions/` may have. */
export interface OwedDocument {
  readonly id: string;
  readonly origin?: string;
  readonly route?: string;
  readonly windowEnd?: string;
}

/** The documents in the frames that a task, "pipeline/partition", owes, as its log has them; oldest first. */
export async function owedDocuments(blobs: BlobPort, task: string, debt: Debt): Promise<OwedDocument[]> {
  const id = taskOf(task);
  const documents = new Map<string, OwedDocument>();
  for await (const frame of dataFrames(blobs, id)) {
    if (frame.sequence <= debt.confirmed || frame.sequence > debt.sequence) continue;
    const outbox = decodeOutbox(await bodyOf(blobs, frame), placeOf(id, frame));
    for (const { messages } of outbox) {
      for (const message of messages as OwedDocument[]) documents.set(message.id, message);
    }
  }
  return [...documents.values()];
}
