import { NO_WATERMARK } from "../../engine/frame.ts";

interface Channel {
  sequence: number;
  /** The highest watermark that a control message told this target. */
  heard: number;
  changed: boolean;
}

/**
 * What a task knows of each target partition: the last sequence it gave out and the watermark the target has heard.
 * Kept in the sink's store, so that sequences stay dense over restarts. Events do not count as telling: the watermark
 * in an event's header is the one it is judged by, and readers take no promise from it.
 */
export class Sequences {
  readonly #channels: Channel[];

  constructor(targets: number, state: ReadonlyMap<string, unknown>) {
    this.#channels = Array.from({ length: targets }, (_, target) => {
      const [sequence, heard] = (state.get(String(target)) ?? [0, NO_WATERMARK]) as [number, number];
      return { sequence, heard, changed: false };
    });
  }

  /** The next sequence for a target. */
  next(target: number): number {
    const channel = this.#channels[target] as Channel;
    channel.sequence++;
    channel.changed = true;
    return channel.sequence;
  }

  /** The next sequence for a target, for a control message that tells it this watermark. */
  tell(target: number, watermark: number): number {
    const channel = this.#channels[target] as Channel;
    channel.heard = Math.max(channel.heard, watermark);
    return this.next(target);
  }

  /** The targets that were not told this watermark yet. */
  behind(watermark: number): number[] {
    return this.#channels.flatMap((channel, target) => (channel.heard < watermark ? [target] : []));
  }

  /** Key, value, key, value … of what changed since the last call. */
  changes(): unknown[] {
    const entries: unknown[] = [];
    this.#channels.forEach((channel, target) => {
      if (!channel.changed) return;
      entries.push(String(target), [channel.sequence, channel.heard]);
      channel.changed = false;
    });
    return entries;
  }
}
