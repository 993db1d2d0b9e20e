import { type Mutant, mutant } from "./mutant.ts";

/*
 * Not listed, because no run can tell it from the real thing: an owner that was fenced and does not look whether it was
 * before it tells of a loss; telling needs an append, which is refused. A test of the engine holds the rest, one that
 * told before it was fenced.
 */

/** Variants that break the engine. */
export const ENGINE_MUTANTS: readonly Mutant[] = [
  {
    name: "emit-before-commit",
    breaks: "nothing leaves before the frame that holds it is durable",
    edits: [
      {
        file: "engine/commits.ts",
        find: "    const stamp = await this.#write(frame);\n    this.#standing",
        replace: `    const { log } = this.#parts;
    const self = this as unknown as { early?: number };
    self.early = (self.early ?? log.recovered.sequence) + 1;
    const guess = { ...this.#id, generation: log.recovered.generation, sequence: self.early, nonce: "00" };
    for (const { sink, messages } of frame.outbox) await this.#parts.sinks.get(sink)?.deliver(messages, guess, signal);
    const stamp = await this.#write({ ...frame, outbox: [] });
    this.#standing`,
      },
    ],
  },
  mutant(
    "no-redelivery-after-recovery",
    "recovery delivers what was not confirmed",
    "engine/recover.ts",
    "new Outbox(sinks, confirmed, pending)",
    "new Outbox(sinks, confirmed, [])",
  ),
  mutant(
    "failed-delivery-forgotten",
    "a frame stays pending until all sinks took it",
    "engine/outbox.ts",
    "const refusals = await this.#deliverFrame(frame, signal);",
    "const refusals = await this.#deliverFrame(frame, signal).catch(() => []);",
  ),
  mutant(
    "trust-the-host",
    "a batch is aligned with the log's position",
    "engine/align.ts",
    "return { repeated, gap, fresh };",
    "return { repeated: 0, gap: undefined, fresh: events };",
  ),
  mutant(
    "no-gap-repair",
    "what the host left out is read from the hub",
    "engine/open-task.ts",
    "if (gap !== undefined) await this.#repair(gap.to, signal);",
    "if (gap !== undefined) processor.skip(gap.to);",
  ),
  mutant(
    "start-from-the-batch",
    "a task begins at the resolved start, never at the first batch",
    "engine/open-task.ts",
    "    const { gap, repeated, fresh } = align(processor.position, events);\n",
    `    if (this.#parts.log.recovered.ledger === undefined && events[0] && events[0].sequenceNumber > processor.position)
      processor.skip(events[0].sequenceNumber);
    const { gap, repeated, fresh } = align(processor.position, events);
`,
  ),
  mutant(
    "losses-taken-for-holes",
    "what retention removed is loss, and reported",
    "engine/open-task.ts",
    "if (first > processor.position) await this.#lose(Math.min(first, to), signal);",
    "if (first > processor.position) processor.skip(Math.min(first, to)); void signal;",
  ),
  mutant(
    "losses-between-events-taken-for-holes",
    "what retention removed while it was being read is loss too",
    "engine/open-task.ts",
    "if (gap !== undefined) await this.#loseBelow(gap.to, signal);",
    "void gap;",
  ),
  mutant(
    "holes-behind-a-repair-taken-for-losses",
    "numbers that no event has are holes, and harmless",
    "engine/open-task.ts",
    "if (processor.position < to) processor.skip(to);",
    "if (processor.position < to) await this.#lose(to, signal);",
  ),
  mutant(
    "holes-between-events-taken-for-losses",
    "numbers that no event has are holes, and harmless",
    "engine/open-task.ts",
    "if (gap !== undefined) await this.#loseBelow(gap.to, signal);",
    "if (gap !== undefined) await this.#lose(gap.to, signal);",
  ),
  mutant(
    "holes-not-counted",
    "at the source, position − start = processed + lost + holes + control",
    "engine/processor.ts",
    "this.#ledger.source.holes += position - this.#position;",
    "",
  ),
  mutant(
    "holes-at-the-end-left-to-the-next-event",
    "a hub that ends with numbers of no event calls for no work for ever",
    "engine/commits.ts",
    "if (this.#parts.processor.position > this.#standing.position) await",
    "if (this.#waiting.length > 0) await",
  ),
  mutant(
    "stale-bounds",
    "only a hub that is another one is taken for another one",
    "engine/open-task.ts",
    "log.recovered.position <= bounds.next ? bounds : await ports.reader.bounds()",
    "bounds",
  ),
  mutant(
    "state-kept-after-a-throw",
    "an event that makes user code throw touches nothing",
    "engine/effects.ts",
    "    this.#actionsLength = 0;\n    this.#fanOutStage = -1;\n    return stage;",
    "    this.#fanOutStage = -1;\n    return stage;",
  ),
  mutant(
    "watermark-not-in-the-frame",
    "the watermark moves with the position",
    "engine/processor.ts",
    `rule?.kind === "out-of-order" ? rule.bound : 0, opening.watermark)`,
    `rule?.kind === "out-of-order" ? rule.bound : 0, Number.MIN_SAFE_INTEGER)`,
  ),
  mutant(
    "producers-not-in-the-frame",
    "what was heard from upstream tasks moves with the position",
    "engine/processor.ts",
    "...this.#producers.changes(),",
    "",
  ),
  mutant(
    "ledger-not-restored",
    "the ledger accounts for every event since the start",
    "engine/processor.ts",
    "new Ledger(opening.id, rows, opening.start, opening.ledger)",
    "new Ledger(opening.id, rows, opening.position, undefined)",
  ),
  mutant(
    "lateness-by-the-batch",
    "an event is late by the watermark as it was before it, and batches play no part",
    "engine/processor.ts",
    "    for (const event of events) this.#next(event);",
    `    for (const event of events) {
      try {
        if (this.#time && !this.#upstream) this.#watermark.observe(eventTimeOf(this.#time, this.#decode(event), event));
      } catch {}
    }
    for (const event of events) this.#next(event);`,
  ),
  mutant(
    "no-downstream-dedupe",
    "a reader drops what a task sent twice",
    "engine/watermark.ts",
    `if (!newer && (generation < known.generation || sequence <= known.sequence)) return "duplicate";`,
    `if (!newer && (generation < known.generation || sequence <= known.sequence)) return "new";`,
  ),
  mutant(
    "upstream-maximum",
    "the upstream watermark is the minimum over all producers",
    "engine/watermark.ts",
    "    for (const { watermark } of this.#states.values()) minimum = Math.min(minimum, watermark);",
    "    minimum = Math.max(...[...this.#states.values()].map(({ watermark }) => watermark));",
  ),
  mutant(
    "upstream-does-not-wait",
    "the upstream watermark waits until every producer has spoken",
    "engine/watermark.ts",
    "if (this.#states.size < this.#expected || this.#states.size === 0) return;",
    "if (this.#states.size === 0) return;",
  ),
  mutant(
    "lateness-by-the-readers-watermark",
    "across hubs the producer decides what is late",
    "engine/processor.ts",
    "context.watermark = this.#upstream && header !== undefined ? header.watermark : this.#watermark.current;",
    "context.watermark = this.#watermark.current;",
  ),
  mutant(
    "refusals-forgotten",
    "what a service will never take becomes a dead letter",
    "engine/commits.ts",
    "for (const record of refusals) processor.sideRecord(record);",
    "",
  ),
  mutant(
    "ids-not-in-the-frame",
    "the state of every stage moves with the position",
    "operators/dedupe.ts",
    "for (const [bucket, entries] of this.#dirty) changes.push({ store, bucket, entries });",
    "",
  ),
  mutant(
    "fenced-owner-goes-on",
    "an owner that was fenced drops its memory",
    "engine/commits.ts",
    `    } catch (thrown) {
      this.spoiled = true;`,
    `    } catch (thrown) {`,
  ),
  mutant(
    "keys-that-moved-are-processed",
    "when partitions are added a task with state stops before the first event whose key has moved",
    "engine/open-task.ts",
    "    await guard.checkEvents(events, log.recovered.start);\n",
    "    void [guard, log];\n",
  ),
  mutant(
    "new-partition-begins-by-itself",
    "a partition that was added begins no log beside those of another number",
    "engine/open-task.ts",
    "      await guard.checkSiblings(bounds);\n",
    "",
  ),
];
