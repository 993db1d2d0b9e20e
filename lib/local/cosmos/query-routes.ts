import type { Container } from "./container.ts";
import { unsupported } from "./refusal.ts";
import type { CosmosReply, CosmosRequest } from "./request.ts";

export function answerQuery(_container: Container, _request: CosmosRequest): CosmosReply {
  throw unsupported("A query");
}
export function queryPlan(_request: CosmosRequest): CosmosReply {
  throw unsupported("A query plan");
}
export function readFeed(_container: Container, _request: CosmosRequest): CosmosReply {
  throw unsupported("The read feed");
}
export function filterResources<R>(all: readonly R[], _request: CosmosRequest): readonly R[] {
  return all;
}
