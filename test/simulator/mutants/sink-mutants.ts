import { type Mutant, mutant } from "./mutant.ts";

/** Variants that break the sinks. */
export const SINK_MUTANTS: readonly Mutant[] = [
  mutant(
    "unfenced-documents",
    "an older write never replaces a newer one",
    "sinks/cosmos/fence.ts",
    `if (age > 0) return "superseded";`,
    `if (age > 0) return "replace";`,
  ),
  mutant(
    "fence-without-generation",
    "fences compare generation, then sequence",
    "sinks/cosmos/fence.ts",
    "const age = stored.g - mine.g || stored.s - mine.s;",
    "const age = stored.s - mine.s;",
  ),
  {
    name: "replace-without-condition",
    breaks: "a document is replaced only in the version that was judged",
    edits: [
      { file: "sinks/cosmos/operation.ts", find: "        ifMatch: operation.etag,\n", replace: "" },
      {
        file: "sinks/cosmos/operation.ts",
        find: `{ accessCondition: { type: "IfMatch", condition: operation.etag } }`,
        replace: "{}",
      },
    ],
  },
  mutant(
    "sequence-restarts",
    "sequences stay dense over restarts",
    "sinks/hub/sequences.ts",
    "(state.get(String(target)) ?? [0, NO_WATERMARK])",
    "(state.size < 0 ? [1, 1] : [0, NO_WATERMARK])",
  ),
  {
    name: "overlapping-sends",
    breaks: "messages to one partition go strictly one batch after the other",
    edits: [
      {
        file: "sinks/hub.ts",
        find: "[...byTarget].map(([target, list]) => this.#sender(target).send(list, stamp, signal))",
        replace:
          "[...byTarget].flatMap(([target, list]) => list.map((one) => this.#sender(target).send([one], stamp, signal)))",
      },
      {
        file: "sinks/hub/partition-sender.ts",
        find: "this.#last.then(() => this.#sendAll(",
        replace: "Promise.resolve().then(() => this.#sendAll(",
      },
      {
        file: "sinks/hub/partition-sender.ts",
        find: "let at = this.#firstOpen(messages, stamp);",
        replace: "let at = 0; this.#firstOpen;",
      },
    ],
  },
  mutant(
    "no-stand-in-for-what-is-too-large",
    "a gap in the sequence means a message is missing",
    "sinks/hub/partition-sender.ts",
    "      batch.tryAdd(toEventData([target, sequence, NO_WATERMARK, null, null], stamp, producers));\n",
    "      void [target, sequence, NO_WATERMARK];\n",
  ),
  mutant(
    "refusals-told-once",
    "what was refused is told again with the frame it belongs to",
    "sinks/hub/partition-sender.ts",
    "return [...this.#refused];",
    "return this.#refused.splice(0);",
  ),
  mutant(
    "only-one-target-hears-the-watermark",
    "every target partition is told the watermark",
    "sinks/hub/sequences.ts",
    "channel.heard < watermark ? [target] : []",
    "channel.heard < watermark && target === 0 ? [target] : []",
  ),
  mutant(
    "lost-send-taken-for-done",
    "a send that failed is sent again",
    "sinks/hub/partition-sender.ts",
    "await this.#context.producer.sendBatch(filled.batch, { abortSignal: attemptSignal });",
    "await this.#context.producer.sendBatch(filled.batch, { abortSignal: attemptSignal }).catch(() => undefined);",
  ),
  mutant(
    "busy-taken-for-written",
    "what the database was too busy for is written again",
    "sinks/cosmos/delivery.ts",
    '        this.#next(write, write.operation);\n        break;\n      case "refused"',
    '        break;\n      case "refused"',
  ),
  mutant(
    "side-output-named-by-chance",
    "a side output's blob has a name that the frame decides",
    "sinks/side-output.ts",
    "await this.#writer.write(sideBlobName(kind, stamp),",
    "await this.#writer.write(sideBlobName(kind, { ...stamp, nonce: String(process.hrtime.bigint()) }),",
  ),
  mutant(
    "file-named-without-generation",
    "names of files grow with the generation of the log",
    "sinks/files/names.ts",
    "file({ pipeline, partition, generation }: FrameStamp, folder: string, batch: number, part: number): string",
    "file({ pipeline, partition }: FrameStamp, folder: string, batch: number, part: number, generation = 1): string",
  ),
  mutant(
    "files-overwritten",
    "a file is created once and never written again",
    "sinks/files/publish.ts",
    `      conditions: { ifNoneMatch: "*" },\n`,
    "",
  ),
  mutant(
    "file-named-by-chance",
    "a file has a name that the frame decides",
    "sinks/files/publish.ts",
    "const path = this.#names.file(stamp, folder, batch, part);",
    "const path = this.#names.file(stamp, folder, batch, Number(process.hrtime.bigint() % 1_000_000n) + part);",
  ),
  mutant(
    "manifest-before-its-files",
    "files count once all of their commit are there",
    "sinks/files/publish.ts",
    "      const written = await this.#writeFiles(files, stamp, refused, signal);\n",
    `      const writing = this.#writeFiles(files, stamp, refused, signal);
      writing.catch(() => undefined);
      const written = files.map(([, part, folder, rows]) => {
        return { path: this.#names.file(stamp, folder, batch, part), rows: rows.length };
      });
`,
  ),
  mutant(
    "file-left-out-after-trouble",
    "a file that could not be written is written again",
    "sinks/blob-writer.ts",
    "if (!signal.aborted) trouble = error;",
    "if (!signal.aborted && attempt > 0) return; trouble = error;",
  ),
  mutant(
    "latest-version-lost-while-waiting",
    "of the versions of a row that waits, the last is written",
    "sinks/files/waiting.ts",
    "    folder.rows.set(row.id, row);",
    "    folder.rows.set(row.id, before ?? row);",
  ),
  mutant(
    "parquet-times-in-seconds",
    "a cell is read as it was written, whatever the format",
    "sinks/files/parquet.ts",
    'const time = new Date(typeof value === "string" || typeof value === "number" ? value : Number.NaN);',
    'const time = new Date(typeof value === "string" ? value : Math.floor(Number(value) / 1_000) * 1_000);',
  ),
  mutant(
    "parquet-rows-without-their-batch",
    "every row says which batch it came with, whatever the format",
    "sinks/files/parquet.ts",
    'fixed("_batch", "INT32", _batch)',
    'fixed("_batch", "INT32", Math.min(_batch, 3))',
  ),
  mutant(
    "batches-not-in-the-frame",
    "the numbers of files move with the position",
    "sinks/files.ts",
    "if (this.#batch !== this.#storedBatch) entries.push(BATCH, this.#batch);",
    "if (this.#batch < this.#storedBatch) entries.push(BATCH, this.#batch);",
  ),
  mutant(
    "waiting-rows-not-in-the-frame",
    "rows that wait for their folder's end move with the position",
    "sinks/files/waiting.ts",
    "if (row.waits) entries.push(",
    "if (row.waits && row.bytes < 0) entries.push(",
  ),
  mutant(
    "rows-that-left-still-wait",
    "what has left is forgotten in the frame in which it leaves",
    "sinks/files/waiting.ts",
    "if (row.stored) this.#gone.push(nameOf(row));",
    "if (row.stored && row.bytes < 0) this.#gone.push(nameOf(row));",
  ),
];
