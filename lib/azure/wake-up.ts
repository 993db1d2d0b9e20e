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

const PARTITION = /^(0|[1-9]\d*)$/;

/** Reads what the trigger gives for a message, parsed or not, decoded or not; undefined when it is no wake-up. */
export function readWakeUp(entry: unknown): WakeUp | undefined {
  const value = typeof entry === "object" && entry !== null && !(entry instanceof Uint8Array) ? entry : parse(entry);
  const { function: name, partition, position } = (value ?? {}) as Partial<WakeUp>;
  if (typeof name !== "string" || typeof partition !== "string" || !PARTITION.test(partition)) return undefined;
  return { function: name, partition, position: Number.isSafeInteger(position) ? (position as number) : 0 };
}

function parse(entry: unknown): unknown {
  const text = entry instanceof Uint8Array ? Buffer.from(entry).toString("utf8") : String(entry);
  // With messageEncoding "none" in host.json, a message comes as it was sent.
  return parseJson(text) ?? parseJson(Buffer.from(text, "base64").toString("utf8"));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
