/** How one function fares, per partition where it has some. */
export interface FunctionStatus {
  readonly functionName: string;
  readonly partition: string | undefined;
  readonly invocations: number;
  readonly failures: number;
  readonly running: number;
  /** The last sequence number of the host's own checkpoint. */
  readonly checkpointedSequence: number | undefined;
}

type Counts = { -readonly [K in keyof FunctionStatus]: FunctionStatus[K] };

/** Counts invocations per function and partition. */
export class StatusBoard {
  readonly #rows = new Map<string, Counts>();

  /** Counts an invocation (with its retries as one) as begun; call the result when it is over. */
  began(functionName: string, partition?: string): (succeeded: boolean) => void {
    const row = this.#row(functionName, partition);
    row.running += 1;
    return (succeeded) => {
      row.running -= 1;
      row.invocations += 1;
      if (!succeeded) row.failures += 1;
    };
  }

  checkpointed(functionName: string, partition: string, sequenceNumber: number): void {
    this.#row(functionName, partition).checkpointedSequence = sequenceNumber;
  }

  rows(): FunctionStatus[] {
    return [...this.#rows.values()].map((row) => ({ ...row }));
  }

  #row(functionName: string, partition: string | undefined): Counts {
    const key = `${functionName}/${partition ?? ""}`;
    const existing = this.#rows.get(key);
    if (existing !== undefined) return existing;
    const row = {
      functionName,
      partition,
      invocations: 0,
      failures: 0,
      running: 0,
      checkpointedSequence: undefined,
    };
    this.#rows.set(key, row);
    return row;
  }
}
