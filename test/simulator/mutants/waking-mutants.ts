import { type Mutant, mutant } from "./mutant.ts";

/*
 * Not listed, because no run, or hardly one, can tell them from the real thing:
 * - an owner that never confirms its last delivery by itself: whoever looks after the task next does it, which costs a
 *   take-over and changes no result;
 * - a wake-up that is sent although one is under way: it finds nothing to do, which costs a message;
 * - an owner that does not ask to be woken for what it recovered: as a rule a message that was sent before is under way,
 *   looks, and asks once more; a test of the engine holds the rest (2,000 seeds did not);
 * - an owner without an alarm of its own: the message comes a few seconds later and does the same.
 */

/** Variants that break what happens when no event comes. */
export const WAKING_MUTANTS: readonly Mutant[] = [
  mutant(
    "wake-up-takes-over-a-busy-task",
    "looking after tasks disturbs no owner",
    "azure/waker.ts",
    `const ours = first.need === "rest" && (await task.holds());`,
    "const ours = true;",
  ),
  mutant(
    "idle-advance-to-the-wall-clock",
    "silence moves event time by the time that passed, never to the clock",
    "engine/idle.ts",
    "return base.watermark + passed;",
    "return now;",
  ),
  {
    name: "idle-advance-although-the-hub-is-not-empty",
    breaks: "silence is proven by the hub",
    edits: [
      {
        file: "engine/open-task.ts",
        find: "const { asked, lastEnqueued } = await this.#readOn(signal);",
        replace: "await this.#commits.deliver(signal); const [asked, lastEnqueued] = [this.#ports.world.now(), 0];",
      },
      {
        file: "engine/processor.ts",
        find: "    this.#lastEnqueued = lastEnqueued;\n    this.#watermark.raise(this.#idle.watermarkAt(now, lastEnqueued, before));",
        replace: "    this.#watermark.raise(this.#idle.watermarkAt(now, this.#lastEnqueued, before));",
      },
    ],
  },
  mutant(
    "silence-goes-on-while-delivering",
    "silence counts up to the moment at which the hub was seen empty",
    "engine/open-task.ts",
    "processor.idle(asked, lastEnqueued)",
    "processor.idle(this.#ports.world.now() + 0 * asked, lastEnqueued)",
  ),
  mutant(
    "idle-advance-not-in-the-frame",
    "what silence did is in the frame, and counted once",
    "engine/processor.ts",
    "      ...this.#idle.changes(watermark),\n",
    "",
  ),
  mutant(
    "errors-of-clocks-add-up",
    "what a wrong clock did is undone before the next silence",
    "engine/idle.ts",
    "    this.#set({ watermark: silence >= (this.#patience ?? 0) ? watermark + silence : watermark, since: enqueued });",
    "    void [silence, watermark]; this.#set(undefined);",
  ),
  mutant(
    "not-asked-again-after-a-quiet-look",
    "a message that came too early asks once more",
    "azure/slot.ts",
    "    await this.#options.wakeAt(look.idleDue, look.position);\n",
    "",
  ),
  mutant(
    "asked-once-for-all",
    "a wake-up that is over is no longer under way",
    "azure/wake-up-requests.ts",
    "known > world.now() && known <= time",
    "known <= time",
  ),
  mutant(
    "sweep-skips-partitions-without-a-log",
    "a partition that no trigger ever began is looked after too",
    "engine/task.ts",
    `need: next > first ? "work" : "nothing"`,
    `need: "nothing"`,
  ),
  mutant(
    "quiet-looks-last-for-ever",
    "a task that had nothing to do is looked at again when its time has come",
    "engine/task.ts",
    `if (fresh && previous.need === "nothing" && previous.next === bounds.next && !isDue(previous.idleDue, world))`,
    `if (previous?.need === "nothing" && previous.next === bounds.next)`,
  ),
  mutant(
    "message-never-given-up",
    "no wake-up comes into a queue of poison",
    "azure/answer-message.ts",
    "const TRIES = 4;",
    "const TRIES = 40;",
  ),
  mutant(
    "left-behind-owner-looks-for-ever",
    "an owner that was left behind comes to rest",
    "azure/slot.ts",
    "    else if (!this.task.busy && this.task.flushDue === undefined) await this.task.close();\n",
    "",
  ),
];
