import type { Container } from "./container.ts";
import { unsupported } from "./refusal.ts";
import type { CosmosReply, CosmosRequest } from "./request.ts";

export function changeFeed(_container: Container, _request: CosmosRequest): CosmosReply {
  throw unsupported("The change feed");
}
