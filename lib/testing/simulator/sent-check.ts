import { PRODUCER_PROPERTY, type ProducerHeader, parseProducerHeader } from "../../engine/headers.ts";
import type { HubEvent } from "../../engine/ports.ts";

interface Message {
  readonly header: ProducerHeader;
  readonly body: string;
}

/** What the tasks sent to one partition of a hub, as its readers understand it. */
export interface SentTo {
  /** Bodies in order by producer, repeats dropped. */
  readonly bodies: ReadonlyMap<string, readonly string[]>;
  readonly problems: readonly string[];
}

/**
 * Reads a partition as a downstream task does, and looks at what that must rely on: numbers are dense for each task, in
 * order where they first appear, and one number never stands for two messages.
 */
export function readSent(events: readonly HubEvent[], place: string): SentTo {
  const problems: string[] = [];
  const byProducer = Map.groupBy(events.flatMap(toMessage), ({ header }) => header.producer);
  const bodies = new Map<string, string[]>();
  for (const [producer, messages] of byProducer) {
    const kept: string[] = [];
    const seen = new Map<string, string>();
    let [generation, last] = [0, 0];
    for (const { header, body } of messages) {
      const number = `${header.generation}/${header.sequence}`;
      const content = `${header.watermark} ${header.control} ${body}`;
      const known = seen.get(number);
      if (known !== undefined && known !== content) problems.push(`two messages ${number} of ${producer} in ${place}`);
      seen.set(number, content);
      const newer = header.generation > generation;
      if (!newer && (header.generation < generation || header.sequence <= last)) continue;
      if (header.sequence !== (newer ? 1 : last + 1))
        problems.push(`${number} of ${producer} follows ${last} in ${place}`);
      [generation, last] = [header.generation, header.sequence];
      if (!header.control) kept.push(body);
    }
    bodies.set(producer, kept);
  }
  return { bodies, problems };
}

function toMessage({ properties, body }: HubEvent): Message[] {
  const header = parseProducerHeader(properties[PRODUCER_PROPERTY]);
  return header === undefined ? [] : [{ header, body: Buffer.from(body).toString() }];
}
