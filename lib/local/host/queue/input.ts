import type { DequeuedMessageItem } from "@azure/storage-queue";
import type { WorkInput } from "../executor.ts";

/** The value and metadata of a queue message; throws for a message that is not in the expected encoding. */
export function queueInput(message: DequeuedMessageItem, binary: boolean, encoding: "base64" | "none"): WorkInput {
  const content = decode(message.messageText, encoding);
  const text = content.toString("utf8");
  const json = (value: unknown) => ({ json: JSON.stringify(value) });
  return {
    input: binary ? { kind: "body" } : { kind: "typed", data: { string: text } },
    ...(binary ? { bodies: [content] } : {}),
    triggerMetadata: {
      QueueTrigger: { string: text },
      DequeueCount: json(message.dequeueCount),
      ExpirationTime: json(message.expiresOn),
      Id: { string: message.messageId },
      InsertionTime: json(message.insertedOn),
      NextVisibleTime: json(message.nextVisibleOn),
      PopReceipt: { string: message.popReceipt },
    },
  };
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function decode(text: string, encoding: "base64" | "none"): Buffer {
  if (encoding === "none") return Buffer.from(text, "utf8");
  if (BASE64.test(text)) return Buffer.from(text, "base64");
  throw new Error(
    "The message is not base64, which the Functions host expects. Encode it, or set " +
      '"extensions.queues.messageEncoding" to "none" in host.json.',
  );
}
