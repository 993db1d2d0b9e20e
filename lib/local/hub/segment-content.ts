/** Doubling for ever would leave half of a large arena unused. */
const largestGrowth = 512 * 1024;

/**
 * The events of one segment in memory: one arena for all bodies and typed arrays beside it, so that an event costs four
 * bytes above its own and a batch twelve, however small the batches are.
 */
export class SegmentContent {
  /** Encoded events, back to back; only the first `bytes` are used. */
  data: Buffer;
  bytes = 0;
  count = 0;
  /** Where event i ends in `data`; it begins where event i − 1 ends. */
  ends: Uint32Array;
  /** Batch i begins with event `batchFirst[i]` and was enqueued at `batchTime[i]`, in milliseconds since 1970. */
  batchFirst: Uint32Array;
  batchTime: Float64Array;
  batches = 0;

  constructor(capacity = { bytes: 4096, events: 64, batches: 16 }) {
    this.data = Buffer.allocUnsafeSlow(capacity.bytes);
    this.ends = new Uint32Array(capacity.events);
    this.batchFirst = new Uint32Array(capacity.batches);
    this.batchTime = new Float64Array(capacity.batches);
  }

  /** Makes room for a batch that is not counted before `commit`. */
  reserve(events: number, bytes: number): void {
    if (this.bytes + bytes > this.data.length) {
      const growth = Math.min(this.data.length, largestGrowth);
      const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes + bytes, this.data.length + growth));
      this.data.copy(grown, 0, 0, this.bytes);
      this.data = grown;
    }
    if (this.count + events > this.ends.length) {
      this.ends = enlarged(this.ends, new Uint32Array(Math.max(this.count + events, this.ends.length * 2)));
    }
    if (this.batches === this.batchFirst.length) {
      this.batchFirst = enlarged(this.batchFirst, new Uint32Array(this.batches * 2));
      this.batchTime = enlarged(this.batchTime, new Float64Array(this.batches * 2));
    }
  }

  /** Counts the batch whose bodies and ends have been written behind the last one. */
  commit(events: number, enqueuedTime: number): void {
    this.batchFirst[this.batches] = this.count;
    this.batchTime[this.batches] = enqueuedTime;
    this.batches++;
    this.count += events;
    this.bytes = this.ends[this.count - 1] as number;
  }

  start(event: number): number {
    return event === 0 ? 0 : (this.ends[event - 1] as number);
  }

  /** The first event that begins at or behind this byte; `count` when there is none. */
  firstAtByte(byte: number): number {
    return lowerBound(this.count, (event) => this.start(event) >= byte);
  }

  /** The first event enqueued after this time; `count` when there is none. */
  firstAfter(time: number): number {
    const batch = lowerBound(this.batches, (i) => (this.batchTime[i] as number) > time);
    return batch === this.batches ? this.count : (this.batchFirst[batch] as number);
  }

  batchOf(event: number): number {
    return lowerBound(this.batches, (i) => (this.batchFirst[i] as number) > event) - 1;
  }

  /** Gives back what growing left unused; for content that grows no more. */
  trim(): void {
    if (this.data.length > this.bytes * 1.05) {
      const exact = Buffer.allocUnsafeSlow(this.bytes);
      this.data.copy(exact, 0, 0, this.bytes);
      this.data = exact;
    }
    this.ends = this.ends.slice(0, this.count);
    this.batchFirst = this.batchFirst.slice(0, this.batches);
    this.batchTime = this.batchTime.slice(0, this.batches);
  }

  /** Bytes of memory it holds. */
  footprint(): number {
    return this.data.length + this.ends.byteLength + this.batchFirst.byteLength + this.batchTime.byteLength;
  }
}

function enlarged<Numbers extends Uint32Array | Float64Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}

/** The least i in [0, length) for which `holds` is true, or `length`; `holds` must never turn false again. */
export function lowerBound(length: number, holds: (i: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
