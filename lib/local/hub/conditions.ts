import type { AmqpError } from "rhea";

/** An error as AMQP carries it; the texts are the service's, because clients tell errors apart by them too. */
export type Condition = AmqpError & { readonly condition: string; readonly description: string };

export function notFound(entity: string): Condition {
  return {
    condition: "amqp:not-found",
    description: `The messaging entity 'sb://localhost/${entity}' could not be found.`,
  };
}

export function noSuchPartition(partitions: number): Condition {
  return {
    condition: "com.microsoft:argument-out-of-range",
    description:
      "The specified partition is invalid for an EventHub partition sender or receiver. " +
      `It should be between 0 and ${partitions - 1}.`,
  };
}

export function unauthorized(entity: string): Condition {
  return {
    condition: "amqp:unauthorized-access",
    description: `Unauthorized access. No accepted token on this connection covers 'sb://localhost/${entity}'.`,
  };
}

export function tooLarge(deliveryId: number, size: number, limit: number): Condition {
  return {
    condition: "amqp:link:message-size-exceeded",
    description:
      `The received message (delivery-id:${deliveryId}, size:${size} bytes) exceeds the limit ` +
      `(${limit} bytes) currently allowed on the link.`,
  };
}

export function undecodable(reason: string): Condition {
  return { condition: "amqp:decode-error", description: reason };
}

export function internalError(reason: string): Condition {
  return { condition: "amqp:internal-error", description: reason };
}

export function invalidStart(what: "offset" | "sequence number", value: string, last: number): Condition {
  return {
    condition: "com.microsoft:argument-error",
    description: `The supplied ${what} '${value}' is invalid. The last ${what} in the system is '${last}'`,
  };
}

export function invalidFilter(filter: string): Condition {
  return {
    condition: "com.microsoft:argument-error",
    description: `The filter "${filter}" names no position in a partition.`,
  };
}

export function tooManyReaders(names: readonly string[]): Condition {
  return {
    condition: "amqp:resource-limit-exceeded",
    description:
      "Exceeded the maximum number of allowed receivers per partition in a consumer group which is " +
      `${names.length}. List of connected receivers - ${names.join(", ")}.`,
  };
}

export function exclusiveReaderExists(epoch: number): Condition {
  return {
    condition: "amqp:link:stolen",
    description:
      `At least one receiver for the endpoint is created with epoch of '${epoch}', and so non-epoch receiver is not ` +
      "allowed. Either reconnect with a higher epoch, or make sure all epoch receivers are closed or disconnected.",
  };
}

export function higherEpochExists(other: string, otherEpoch: number, name: string, epoch: number): Condition {
  return {
    condition: "amqp:link:stolen",
    description:
      `Receiver '${other}' with a higher epoch '${otherEpoch}' already exists. Receiver '${name}' with epoch ${epoch} ` +
      "cannot be created. Make sure you are creating receiver with increasing epoch value to ensure connectivity, " +
      "or ensure all old epoch receivers are closed or disconnected.",
  };
}

export function stolen(thief: string, epoch: number, name: string, oldEpoch: number | undefined): Condition {
  return {
    condition: "amqp:link:stolen",
    description:
      `New receiver '${thief}' with higher epoch of '${epoch}' is created hence current receiver '${name}' with epoch ` +
      `'${oldEpoch ?? "none"}' is getting disconnected. If you are recreating the receiver, make sure a higher epoch ` +
      "is used.",
  };
}

export const idempotentUnsupported: Condition = {
  condition: "amqp:not-implemented",
  description: "The local hub has no idempotent publishing; create the producer without enableIdempotentRetries.",
};

/** Clients take it for a reason to connect again. */
export const shuttingDown: Condition = {
  condition: "amqp:connection:forced",
  description: "The local hub is shutting down.",
};
