import type { ConcreteResource } from "../bicep/program.ts";
import { SECRET_MARK } from "../bicep/runtime.ts";
import {
  type Assertion,
  account,
  type Case,
  COSMOS,
  COSMOS_ROLE,
  get,
  HUB,
  INSIGHTS,
  mustBe,
  NAMESPACE,
  ofType,
  parameter,
  ROLE,
  SITE,
  STORAGE,
  same,
  VAULT,
  WORKSPACE,
} from "./case.ts";

const IDENTITY = "Microsoft.ManagedIdentity/userAssignedIdentities";

const ROLES: Readonly<Record<string, string>> = {
  "hub receive": "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
  "hub send": "2b629674-e913-4c01-ae53-ef4638d8f975",
  "blobContainer read": "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
  "blobContainer write": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
  "queue write": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
  "cosmosContainer read": "00000000-0000-0000-0000-000000000001",
  "cosmosContainer write": "00000000-0000-0000-0000-000000000002",
  "host blobs": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
  "host queues": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
  telemetry: "3913510d-42f4-4e42-8a64-420c390055eb",
  key: "e147488a-f6f5-4113-8e2d-b22465e65bf6",
  secret: "4633458b-17de-408a-b874-0445c86b69e6",
};

function identity(one: Case, kind: "app" | "services"): ConcreteResource | undefined {
  return ofType(one, IDENTITY).find(({ name }) => name.startsWith(`id-${kind}-`));
}

/** What an identity's principal looks like once the deployment runs. */
function principal(one: Case, kind: "app" | "services"): string {
  return one.evaluated.allOutputs
    .filter(({ file }) => file === "identity.bicep")
    .map(({ values }) => String(values[kind === "app" ? "appPrincipalId" : "servicePrincipalId"]))
    .join();
}

/** Every right that somebody needs, as "who, role, where". */
function needs(one: Case): string[] {
  const app = principal(one, "app");
  const services = principal(one, "services");
  const host = account(one, "host")?.id;
  const [insights] = ofType(one, INSIGHTS);
  const outside = parameter<readonly string[]>(one, "producerPrincipalIds", []);
  const open = one.manifest.hubs.filter(({ written, kafka }) => !written && !kafka);
  return [
    `${app} ${ROLES["host blobs"]} ${host}`,
    `${app} ${ROLES["host queues"]} ${host}`,
    `${app} ${ROLES.telemetry} ${insights?.id}`,
    ...one.manifest.roles.map(
      ({ scope, resource, role }) => `${app} ${ROLES[`${scope} ${role}`]} ${place(one, scope, resource)}`,
    ),
    ...outside.flatMap((id) => open.map(({ name }) => `${id} ${ROLES["hub send"]} ${place(one, "hub", name)}`)),
    ...ofType(one, `${VAULT}/keys`).map(({ id }) => `${services} ${ROLES.key} ${id}`),
    ...ofType(one, `${VAULT}/secrets`).map(({ id }) => `${app} ${ROLES.secret} ${id}`),
    ...(account(one, "capture")
      ? [
          `${services} ${ROLES["blobContainer write"]} ${account(one, "capture")?.id}/blobServices/default/containers/capture`,
        ]
      : []),
  ];
}

function place(one: Case, scope: string, resource: string): string {
  const data = account(one, "data")?.id;
  if (scope === "blobContainer") return `${data}/blobServices/default/containers/${resource}`;
  if (scope === "queue") return `${data}/queueServices/default/queues/${resource}`;
  if (scope === "hub")
    return ofType(one, HUB).find(({ name }) => name.endsWith(`/${resource}`))?.id ?? `no hub ${resource}`;
  return `${ofType(one, COSMOS)[0]?.id}/dbs/${resource.replace("/", "/colls/")}`;
}

function given(one: Case): string[] {
  const azure = ofType(one, ROLE).map((role) => {
    const definition = String(get(role, "properties.roleDefinitionId")).split("/").at(-1);
    return `${get(role, "properties.principalId")} ${definition} ${role.scopeId}`;
  });
  const cosmos = ofType(one, COSMOS_ROLE).map((role) => {
    const definition = String(get(role, "properties.roleDefinitionId")).split("/").at(-1);
    return `${get(role, "properties.principalId")} ${definition} ${get(role, "properties.scope")}`;
  });
  return [...azure, ...cosmos];
}

function checkRoles(one: Case): string[] {
  const wanted = needs(one);
  const there = given(one);
  return [
    ...wanted
      .filter((need) => there.filter((it) => it === need).length !== 1)
      .map((need) => `not granted exactly once: ${need}`),
    ...there.filter((it) => !wanted.includes(it)).map((it) => `nobody needs: ${it}`),
  ];
}

function checkScopes(one: Case): string[] {
  return ofType(one, ROLE)
    .filter(({ scopeId }) => scopeId === undefined)
    .map(({ symbol }) => `${symbol} is granted on the resource group`);
}

function checkSharedKeys(one: Case): string[] {
  const findings = [
    ...mustBe(one, STORAGE, "properties.allowSharedKeyAccess", false),
    ...mustBe(one, STORAGE, "properties.isLocalUserEnabled", false),
    ...mustBe(one, STORAGE, "properties.allowBlobPublicAccess", false),
    ...mustBe(one, COSMOS, "properties.disableLocalAuth", true),
    ...mustBe(one, COSMOS, "properties.disableKeyBasedMetadataWriteAccess", true),
    ...mustBe(one, INSIGHTS, "properties.DisableLocalAuth", true),
    ...mustBe(one, WORKSPACE, "properties.features.disableLocalAuth", true),
    ...mustBe(one, VAULT, "properties.enableRbacAuthorization", true),
  ];
  const kafka = new Set(one.manifest.hubs.filter((hub) => hub.kafka).map(({ name }) => name));
  for (const namespace of ofType(one, NAMESPACE)) {
    const hubs = ofType(one, HUB).filter(({ id }) => id.startsWith(`${namespace.id}/`));
    const allKafka = hubs.length > 0 && hubs.every(({ name }) => kafka.has(name.split("/").at(-1) ?? ""));
    const off = get(namespace, "properties.disableLocalAuth") === true;
    if (!off && !allKafka) findings.push(`${namespace.name} lets shared keys sign in beside Entra ID`);
  }
  return findings;
}

function checkKafkaRules(one: Case): string[] {
  const wanted = one.manifest.hubs.filter(({ kafka }) => kafka).map(({ name }) => name);
  const rules = ofType(one, `${HUB}/authorizationRules`);
  const secrets = ofType(one, `${VAULT}/secrets`).map((secret) => String(get(secret, "properties.value")));
  return [
    ...rules
      .filter((rule) => !same(get(rule, "properties.rights"), ["Listen"]))
      .map(({ name }) => `${name} may do more than listen`),
    ...(rules.length === wanted.length ? [] : [`${rules.length} rules for ${wanted.length} hubs of the Kafka trigger`]),
    ...(secrets.length === wanted.length && secrets.every((value) => value.startsWith(SECRET_MARK))
      ? []
      : ["the vault does not hold one connection string for each hub of the Kafka trigger"]),
  ];
}

function checkSecrets(one: Case): string[] {
  const outputs = one.evaluated.allOutputs.flatMap(({ file, values }) =>
    Object.entries(values)
      .filter(
        ([name, value]) => JSON.stringify(value).includes(SECRET_MARK) || /password|primaryKey|sharedKey/i.test(name),
      )
      .map(([name]) => `output "${name}" of ${file} is a secret`),
  );
  const bodies = one.evaluated.resources
    .filter(({ type, body }) => type !== `${VAULT}/secrets` && JSON.stringify(body).includes(SECRET_MARK))
    .map(({ name }) => `${name} holds a secret`);
  return [...outputs, ...bodies];
}

function checkIdentities(one: Case): string[] {
  const [site] = ofType(one, SITE);
  const app = identity(one, "app");
  const services = identity(one, "services");
  const holders = one.evaluated.resources.flatMap((resource) =>
    Object.keys((get(resource, "identity.userAssignedIdentities") ?? {}) as object).map(
      (id) => [resource, id] as const,
    ),
  );
  const wrong = holders.filter(([resource, id]) => id !== (resource === site ? app?.id : services?.id));
  return [
    ...(holders.some(([resource]) => resource === site) ? [] : ["the app has no identity"]),
    ...wrong.map(([resource]) => `${resource.name} runs under another identity than its own`),
    ...(app && services && principal(one, "app") !== principal(one, "services")
      ? []
      : ["there are not two identities"]),
  ];
}

export const IDENTITY_RULES: readonly Assertion[] = [
  { name: "every role is needed and every need has exactly one role", check: checkRoles },
  { name: "no role is granted on the resource group", check: checkScopes },
  { name: "shared keys sign in nowhere but in the Kafka trigger's namespace", check: checkSharedKeys },
  { name: "the Kafka trigger's rules listen only, and their strings are in the vault", check: checkKafkaRules },
  { name: "no secret is in an output or outside the vault", check: checkSecrets },
  { name: "the app and Azure's services have an identity each", check: checkIdentities },
];
