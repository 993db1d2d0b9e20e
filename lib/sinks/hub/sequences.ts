import { NO_WATERMARK } from "../../engine/frame.ts";

interface Channel {
  sequence: number;
  /** The highest watermark that this target has been sent. */
  heard: number;
  changed: boolean;
}

/**
 * What a task knows of each target partition: the last sequence it gave out and the watermark the target has heard.
 * Kept in the sink's store, so that sequences stay dense over restarts.
 */
export class Sequences {
  readonly #channels: Channel[];

  constructor(targets: number, state: ReadonlyMap<string, unknown>) {
    this.#channels = Array.from({ length: targets }, (_, target) => {
      const [sequence, heard] = (state.get(String(target)) ?? [0, NO_WATERMARK]) as [number, number];
      return { sequence, heard, changed: false };
    });
  }

  /** The next sequence for a target, which now hears this watermark. */
  next(target: number, watermark: number): number {
    const channel = this.#channels[target] as Channel;
    channel.sequence++;
    if (watermark > channel.heard) channel.heard = watermark;
    channel.changed = true;
    return channel.sequence;
  }

  /** The targets that have not heard of this watermark yet. */
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
