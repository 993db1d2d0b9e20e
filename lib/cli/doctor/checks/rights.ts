import type { ManifestRole } from "../../infra/manifest.ts";
import { type Check, type Finding, good, problem } from "../check.ts";
import type { Deployed } from "../deployed.ts";

/** Names of the roles that the manifest may ask for, by scope and role. */
const ROLES: Readonly<Record<string, { readonly id: string; readonly name: string }>> = {
  "hub receive": { id: "a638d3c7-ab3a-418d-83e6-5f17a39d4fde", name: "Azure Event Hubs Data Receiver" },
  "hub send": { id: "2b629674-e913-4c01-ae53-ef4638d8f975", name: "Azure Event Hubs Data Sender" },
  "blobContainer read": { id: "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1", name: "Storage Blob Data Reader" },
  "blobContainer write": { id: "ba92f5b4-2d11-453d-a403-e96b0029c9fe", name: "Storage Blob Data Contributor" },
  "queue write": { id: "974c5e8b-45b9-4653-ba55-5f855dd0fb88", name: "Storage Queue Data Contributor" },
  "cosmosContainer read": { id: "00000000-0000-0000-0000-000000000001", name: "Cosmos DB Built-in Data Reader" },
  "cosmosContainer write": { id: "00000000-0000-0000-0000-000000000002", name: "Cosmos DB Built-in Data Contributor" },
};

/** Has the app's identity the rights that the manifest asks for, and no others on the same data? */
export const rightsCheck: Check = {
  name: "roles",
  run: async ({ manifest, deployed }) => {
    if (!deployed) return [];
    const wanted = manifest.roles
      // Hubs of the Kafka trigger are read with a key.
      .filter(
        ({ scope, resource }) =>
          scope !== "hub" || !manifest.hubs.some(({ name, kafka }) => kafka && name === resource),
      )
      .map((role) => ({ role, id: ROLES[`${role.scope} ${role.role}`], place: placeOf(deployed, role) }));
    const has = (id: string | undefined, place: string) =>
      deployed.grants.some((grant) => grant.role === id && same(grant.place, place));
    const missing = wanted.filter(({ id, place }) => !has(id?.id, place));
    const surplus = deployed.grants.filter(
      (grant) =>
        isOfPipelines(deployed, grant.place) &&
        !wanted.some(({ id, place }) => id?.id === grant.role && same(place, grant.place)),
    );
    const findings = [
      ...missing.map(({ role, id }) =>
        problem(
          `The app lacks ${id?.name} on ${role.resource} (${role.because}).`,
          "Deploy the infrastructure: azd provision.",
        ),
      ),
      ...surplus.map(({ role, place }) =>
        problem(
          `The app has ${nameOf(role)} on ${shortened(place)}, which no function needs.`,
          `Delete the assignment, or deploy as a stack (docs/deploy.md).`,
        ),
      ),
    ];
    return findings.length > 0
      ? findings
      : [good(`The app has the ${wanted.length} roles that it needs, and no other.`)];
  },
};

/** The host's own account is the host's business. */
function isOfPipelines({ namespace, cosmosId, dataAccountId }: Deployed, place: string): boolean {
  return [namespace.id, cosmosId, dataAccountId].some((id) => id && place.toLowerCase().startsWith(id.toLowerCase()));
}

function placeOf({ namespace, cosmosId, dataAccountId }: Deployed, { scope, resource }: ManifestRole): string {
  if (scope === "hub") return `${namespace.id}/eventhubs/${resource}`;
  if (scope === "blobContainer") return `${dataAccountId}/blobServices/default/containers/${resource}`;
  if (scope === "queue") return `${dataAccountId}/queueServices/default/queues/${resource}`;
  return `${cosmosId}/dbs/${resource.replace("/", "/colls/")}`;
}

function nameOf(id: string): string {
  return Object.values(ROLES).find((role) => role.id === id)?.name ?? `role ${id}`;
}

function shortened(place: string): string {
  return place.split("/providers/").at(-1) ?? place;
}

function same(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

/** Are there hubs or consumer groups that no function needs any more? */
export const surplusCheck: Check = {
  name: "surplus",
  run: async ({ manifest, deployed }) => {
    if (!deployed) return [];
    const fix = "Delete it when nobody else reads it, or deploy as a stack (docs/deploy.md).";
    const findings = [...deployed.namespace.hubs].flatMap(([name, groups]): Finding[] => {
      const hub = manifest.hubs.find((one) => one.name === name);
      if (!hub) return [problem(`Hub ${name} is not in the manifest.`, fix)];
      const wanted = ["$Default", ...hub.consumerGroups];
      const extra = groups.filter((group) => !wanted.includes(group));
      return extra.map((group) => problem(`Consumer group ${name}/${group} is not in the manifest.`, fix));
    });
    return findings.length > 0 ? findings : [good("There is no hub and no consumer group too many.")];
  },
};
