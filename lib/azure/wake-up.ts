/** What a message of the queue of wake-ups says: look after this task. It is a hint: the log alone knows what to do. */
export interface WakeUp {
  readonly function: string;
  readonly partition: string;
  /** How far the task had come when it was asked for, for whoever reads the queue by eye. */
  readonly position: number;
}

/** The text of a message: JSON in base64, which is what the trigger expects. */
export function formatWakeUp({ function: name, partition, position }: WakeUp): string {
  return Buffer.from(JSON.stringify({ function: name, partition, position })).toString("base64");
}

/** Reads what the trigger gives for a message, parsed or not; undefined when it is no wake-up. */
export function readWakeUp(entry: unknown): WakeUp | undefined {
  const value = typeof entry === "object" && entry !== null && !(entry instanceof Uint8Array) ? entry : parse(entry);
  const { function: name, partition, position } = (value ?? {}) as Partial<WakeUp>;
  if (typeof name !== "string" || typeof partition !== "string") return undefined;
  return { function: name, partition, position: Number.isSafeInteger(position) ? (position as number) : 0 };
}

function parse(entry: unknown): unknown {
  try {
    return JSON.parse(entry instanceof Uint8Array ? Buffer.from(entry).toString("utf8") : String(entry));
  } catch {
    return undefined;
  }
}
