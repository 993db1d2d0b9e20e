import { type Mutant, mutant } from "./mutant.ts";

/*
 * Not listed, because no run can tell them from the real thing:
 * - a take-over that appends no fence: appends name their position, so the first one after it fences all others; a zombie
 *   may then win against the new owner, which costs time and changes no result;
 * - frames without a nonce: they are recognised by all their bytes, and two owners that write the same bytes at the same
 *   position hold the same state, since processing is deterministic here;
 * - snapshot names without a nonce: every piece is appended at its position and compared, so the second writer of a name
 *   finds foreign bytes and gives up; it costs a snapshot, never a result;
 * - snapshots without the unconfirmed outbox: the engine delivers what is pending before it commits again, so the frame
 *   that makes a snapshot count confirms all that the snapshot could have carried; the log's own random walks hold this;
 * - dropped windows that come back with a snapshot: they have fired, nothing in them has changed, and the next frame drops
 *   them again; the log's own random walks hold that a recovered state is the fold of its frames;
 * - a lost acknowledgement taken for a refusal: the owner opens its log once more than it need.
 */

/** Variants that break the checkpoint log. */
export const LOG_MUTANTS: readonly Mutant[] = [
  mutant(
    "unconditional-append",
    "an append names the position it expects",
    "checkpoint/reliable.ts",
    `  const outcome = await blobs.append(name, position, bytes);
  if (outcome === "appended") return "own";`,
    `  let outcome = await blobs.append(name, position, bytes);
  while (outcome === "elsewhere") outcome = await blobs.append(name, (await blobs.size(name)) ?? 0, bytes);
  if (outcome === "appended") return "own";`,
  ),
  mutant(
    "own-frame-by-number",
    "a frame is recognised as one's own by its bytes",
    "checkpoint/reliable.ts",
    "return Buffer.compare(found, bytes) === 0",
    "return Buffer.from(found).subarray(16, 32).equals(Buffer.from(bytes).subarray(16, 32)) && found.length >= 32",
  ),
  {
    name: "rebuilt-frame",
    breaks: "after an ambiguous append memory is dropped and the log opened again",
    edits: [
      {
        file: "checkpoint/owned-log.ts",
        find: `if (error instanceof TidemarkError && error.code === "LIMIT_EXCEEDED") throw error;`,
        replace: 'if (error instanceof TidemarkError && error.code !== "FENCED") throw error;',
      },
      {
        file: "engine/commits.ts",
        find: `    } catch (thrown) {
      this.spoiled = true;`,
        replace: `    } catch (thrown) {
      this.spoiled = (thrown as { code?: string }).code === "FENCED";`,
      },
    ],
  },
  mutant(
    "outbox-lost-at-rotation",
    "an unconfirmed outbox is carried over a rotation",
    "checkpoint/replay.ts",
    `    if (frame.kind !== "data") return;
    const body`,
    `    if (frame.kind === "rotate") this.#pending = [];
    if (frame.kind !== "data") return;
    const body`,
  ),
  mutant(
    "cleanup-too-eager",
    "nothing is deleted that the newest referenced snapshot needs",
    "checkpoint/cleanup.ts",
    "blob.ordinal <= snapshot.through;",
    "blob.ordinal <= snapshot.through + 1;",
  ),
  mutant(
    "snapshot-counts-before-it-is-referenced",
    "a snapshot counts once a frame refers to it",
    "checkpoint/snapshot-keeper.ts",
    `    this.finished = await compact(this.#context, this.#generation, this.#base, [first, ...rest], stopped);
`,
    `    this.finished = await compact(this.#context, this.#generation, this.#base, [first, ...rest], stopped);
    if (this.finished) await removeCovered(this.#context, this.#generation, this.finished);
`,
  ),
  mutant(
    "confirmed-with-its-own-frame",
    "a frame's delivery is confirmed by a later frame",
    "checkpoint/owned-log.ts",
    "return { start: this.recovered.start, position, watermark, confirmed, ledger, idleDue, pending, openings: 0 };",
    "return { start: this.recovered.start, position, watermark, confirmed: this.#writer.sequence + 1, ledger, idleDue, pending: 0, openings: 0 };",
  ),
];
