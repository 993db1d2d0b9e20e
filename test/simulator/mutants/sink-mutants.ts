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
];
