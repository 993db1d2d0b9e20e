import type { Container, JSONObject, OperationInput, RequestOptions } from "@azure/cosmos";
import type { CosmosDocument, PartitionKeyValue } from "./document.ts";
import { answerOfError, type Outcome, outcomeOf } from "./outcome.ts";

/** One write or read of one document. */
export type Operation =
  | { readonly kind: "Create"; readonly key: PartitionKeyValue[]; readonly body: CosmosDocument }
  | {
      readonly kind: "Replace";
      readonly key: PartitionKeyValue[];
      readonly body: CosmosDocument;
      readonly etag: string;
    }
  | { readonly kind: "Read"; readonly key: PartitionKeyValue[]; readonly id: string };

/** The form of an operation inside a bulk request. */
export function bulkInput(operation: Operation): OperationInput {
  const { key: partitionKey } = operation;
  switch (operation.kind) {
    case "Create":
      return { operationType: "Create", partitionKey, resourceBody: operation.body as JSONObject };
    case "Replace":
      return {
        operationType: "Replace",
        partitionKey,
        id: operation.body.id,
        ifMatch: operation.etag,
        resourceBody: operation.body as JSONObject & { id: string },
      };
    case "Read":
      return { operationType: "Read", partitionKey, id: operation.id };
  }
}

/** Runs one operation as a request of its own; never throws. */
export async function runAlone(container: Container, operation: Operation): Promise<Outcome> {
  try {
    const { statusCode, substatus, etag, resource } = await send(container, operation);
    return outcomeOf(operation.kind, { status: statusCode, substatus, etag, document: resource });
  } catch (error) {
    return outcomeOf(operation.kind, answerOfError(error));
  }
}

function send(container: Container, operation: Operation) {
  switch (operation.kind) {
    case "Create":
      return container.items.create(operation.body);
    case "Replace": {
      const options: RequestOptions = { accessCondition: { type: "IfMatch", condition: operation.etag } };
      return container.item(operation.body.id, operation.key).replace(operation.body, options);
    }
    case "Read":
      return container.item(operation.id, operation.key).read();
  }
}
