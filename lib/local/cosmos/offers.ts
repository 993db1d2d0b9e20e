import type { Account } from "./account.ts";
import type { Container } from "./container.ts";
import type { JsonObject } from "./json.ts";
import { filterResources } from "./query-routes.ts";
import { notFound, unsupported } from "./refusal.ts";
import type { CosmosReply, CosmosRequest } from "./request.ts";

// What was asked for at creation is shown, not enforced: only a rate set on the server slows requests down.
const provisioned = new WeakMap<Container, JsonObject>();

/** Remembers the throughput a container was created with. */
export function recordOffer(container: Container, request: CosmosRequest): void {
  const autopilot = request.header("x-ms-cosmos-offer-autopilot-settings");
  const throughput = Number(request.header("x-ms-offer-throughput") ?? 400);
  const settings = typeof autopilot === "string" ? { offerAutopilotSettings: JSON.parse(autopilot) as JsonObject } : {};
  provisioned.set(container, { offerThroughput: throughput, ...settings });
}

/** Answers requests to `/offers`: list, query, read. */
export function answerOffers(account: Account, id: string | undefined, request: CosmosRequest): CosmosReply {
  const offers = [...account.databases.values()].flatMap((database) => [...database.containers.values()].map(describe));
  if (id === undefined) {
    const found = filterResources(offers, request);
    return { status: 200, body: JSON.stringify({ _rid: "", Offers: found, _count: found.length }), charge: 1 };
  }
  const offer = offers.find((each) => each.id === id);
  if (offer === undefined) throw notFound();
  if (request.method !== "GET") throw unsupported("Changing a container's provisioned throughput");
  return { status: 200, body: JSON.stringify(offer), charge: 1 };
}

function describe(container: Container): JsonObject {
  const id = container.rid.slice(6, 11);
  return {
    id,
    _rid: id,
    _self: `offers/${id}/`,
    _etag: `"${id}"`,
    _ts: 0,
    offerVersion: "V2",
    offerType: "Invalid",
    offerResourceId: container.rid,
    resource: container.self,
    content: provisioned.get(container) ?? { offerThroughput: 400 },
  };
}
