import {
  type Assertion,
  account,
  type Case,
  COSMOS,
  get,
  list,
  mustBe,
  NAMESPACE,
  ofType,
  parameter,
  SITE,
  STORAGE,
  same,
  VAULT,
  WORKSPACE,
} from "./case.ts";

const DIAGNOSTICS = "Microsoft.Insights/diagnosticSettings";
const LOCK = "Microsoft.Authorization/locks";
const POLICY = "Microsoft.Authorization/policyAssignments";
const ALERT = "Microsoft.Insights/scheduledQueryRules";
const METRIC_ALERT = "Microsoft.Insights/metricAlerts";

/** Limits of the services, with the characters they allow. */
const NAMES: Readonly<Record<string, RegExp>> = {
  [STORAGE]: /^[a-z0-9]{3,24}$/,
  [NAMESPACE]: /^[A-Za-z](?=[A-Za-z0-9-]{5,49}$)[A-Za-z0-9-]*[A-Za-z0-9]$/,
  [COSMOS]: /^[a-z0-9](?=[a-z0-9-]{2,43}$)[a-z0-9-]*[a-z0-9]$/,
  [VAULT]: /^[A-Za-z](?=[A-Za-z0-9-]{2,23}$)(?!.*--)[A-Za-z0-9-]*[A-Za-z0-9]$/,
  [SITE]: /^[A-Za-z0-9](?=[A-Za-z0-9-]{1,58}$)[A-Za-z0-9-]*[A-Za-z0-9]$/,
  [WORKSPACE]: /^[A-Za-z0-9](?=[A-Za-z0-9-]{3,62}$)[A-Za-z0-9-]*[A-Za-z0-9]$/,
  "Microsoft.EventHub/clusters": /^[A-Za-z](?=[A-Za-z0-9-]{5,49}$)[A-Za-z0-9-]*[A-Za-z0-9]$/,
  "Microsoft.Network/privateEndpoints": /^[A-Za-z0-9][\w.-]{0,62}\w$/,
  "Microsoft.Network/virtualNetworks": /^[A-Za-z0-9][\w.-]{0,62}\w$/,
  "Microsoft.Network/networkSecurityGroups": /^[A-Za-z0-9][\w.-]{0,78}\w$/,
  "Microsoft.ManagedIdentity/userAssignedIdentities": /^[A-Za-z0-9][\w-]{2,127}$/,
  "Microsoft.Web/serverfarms": /^[\w-]{1,60}$/,
  "Microsoft.Insights/actionGroups": /^[^:<>+/&%\\?]{1,260}$/,
  [POLICY]: /^[^<>*%&:\\?.+/]{1,64}$/,
};

/** Extension resources and children carry no tags. */
const TAGGED =
  /^Microsoft\.(DocumentDB\/databaseAccounts|EventHub\/(clusters|namespaces)|Insights\/(actionGroups|components|metricAlerts|privateLinkScopes|scheduledQueryRules|workbooks)|KeyVault\/vaults|ManagedIdentity\/userAssignedIdentities|Network\/\w+|OperationalInsights\/workspaces|Storage\/storageAccounts|Web\/(serverfarms|sites))$/;

function checkNames(one: Case): string[] {
  return one.evaluated.resources
    .filter(({ type, name }) => NAMES[type]?.test(name) === false)
    .map(({ type, name }) => `${name} is no name for ${type}`);
}

function checkTags(one: Case): string[] {
  const wanted = {
    ...parameter<Readonly<Record<string, string>>>(one, "tags", {}),
    environment: one.parameters.environmentName,
  };
  return one.evaluated.resources
    .filter(({ type }) => TAGGED.test(type))
    .filter((resource) => Object.entries(wanted).some(([key, value]) => get(resource, `tags.${key}`) !== value))
    .map(({ name }) => `${name} lacks a tag`);
}

function checkDiagnostics(one: Case): string[] {
  const [workspace] = ofType(one, WORKSPACE);
  const settings = ofType(one, DIAGNOSTICS);
  const observed = [NAMESPACE, COSMOS, VAULT, SITE, `${STORAGE}/blobServices`, `${STORAGE}/queueServices`];
  const silent = observed
    .flatMap((type) => ofType(one, type))
    .filter(
      ({ id }) => !settings.some((it) => it.scopeId === id && get(it, "properties.workspaceId") === workspace?.id),
    );
  const mute = settings.filter(
    (it) =>
      ![...list(it, "properties.logs"), ...list(it, "properties.metrics")].every(({ enabled }) => enabled === true),
  );
  const detailed = parameter(one, "dataPlaneLogs", false);
  const reads = settings.filter(({ body, scopeId }) => {
    const text = JSON.stringify(body);
    return text.includes("DataPlaneRequests") || (text.includes('"audit"') && /Services\/default$/.test(scopeId ?? ""));
  });
  const wanted = detailed ? ofType(one, STORAGE).length * 2 + ofType(one, COSMOS).length : 0;
  return [
    ...silent.map(({ name }) => `${name} logs nothing`),
    ...mute.map(({ scopeId }) => `a log of ${scopeId} is turned off`),
    ...(reads.length === wanted ? [] : [`${reads.length} services log reads and writes, not ${wanted}`]),
  ];
}

function checkLocks(one: Case): string[] {
  const wanted = parameter(one, "locks", false)
    ? [
        account(one, "data"),
        account(one, "capture"),
        ...[COSMOS, NAMESPACE, VAULT].flatMap((type) => ofType(one, type)),
      ]
    : [];
  const ids = wanted.flatMap((resource) => resource?.id ?? []).sort();
  const locked = ofType(one, LOCK).map(({ scopeId }) => scopeId ?? "the group");
  return [
    ...(same(locked.sort(), ids)
      ? []
      : [`locked: ${locked.map((id) => id.split("/").at(-1)).join(", ") || "nothing"}`]),
    ...mustBe(one, LOCK, "properties.level", "CanNotDelete"),
  ];
}

function checkPolicies(one: Case): string[] {
  const wanted = parameter(one, "policyAssignments", false)
    ? [
        "53ad89f5-8542-49e9-ba81-1cbd686e0d52",
        "c676748e-3af9-4e22-bc28-50feed564afb",
        "e0d47b75-5d99-442a-9d60-07f2595ab095",
      ]
    : [];
  const ids = ofType(one, POLICY).map((it) => String(get(it, "properties.policyDefinitionId")));
  const there = ids.map((id) => id.split("/").at(-1)).sort();
  return [
    ...(same(there, wanted) ? [] : [`assigned: ${there.join(", ") || "nothing"}`]),
    ...ids
      .filter((id) => !id.startsWith("/providers/Microsoft.Authorization/policySetDefinitions/"))
      .map((id) => `${id} is not built in`),
    ...mustBe(one, POLICY, "properties.enforcementMode", "DoNotEnforce"),
    // An initiative that changes resources would need one.
    ...mustBe(one, POLICY, "identity", null).filter((finding) => !finding.includes("is undefined")),
  ];
}

const ALERTS: readonly string[] = [
  "dead-letters",
  "failing-batches",
  "lag-events",
  "lag-minutes",
  "missing-messages",
  "no-commits",
  "watermark-delay",
];

function checkAlerts(one: Case): string[] {
  const alerts = ofType(one, ALERT);
  const metrics = ofType(one, METRIC_ALERT);
  const [group] = ofType(one, "Microsoft.Insights/actionGroups");
  const [workspace] = ofType(one, WORKSPACE);
  const names = alerts.map(({ name }) => ALERTS.find((it) => name.startsWith(`alert-${it}-`)) ?? name).sort();
  type Criterion = {
    query: string;
    threshold: number;
    metricMeasureColumn: string;
    dimensions: readonly { name: string }[];
  };
  const findings = alerts.flatMap((alert) => {
    const [criterion] = list<Criterion>(alert, "properties.criteria.allOf");
    const threshold = thresholdOf(one, alert.name);
    const columns = ["value", ...(criterion?.dimensions.map(({ name }) => name) ?? [])];
    return [
      ...(same(get(alert, "properties.actions.actionGroups"), [group?.id]) ? [] : [`${alert.name} tells nobody`]),
      ...(same(get(alert, "properties.scopes"), [workspace?.id]) ? [] : [`${alert.name} looks elsewhere`]),
      ...(criterion?.threshold === threshold ? [] : [`${alert.name} has the threshold ${criterion?.threshold}`]),
      ...columns
        .filter((column) => !new RegExp(`\\b${column} = `).test(criterion?.query ?? ""))
        .map((it) => `${alert.name} answers no ${it}`),
    ];
  });
  const watched = metrics.flatMap((it) => (get(it, "properties.scopes") as string[] | undefined) ?? []);
  const wanted = [ofType(one, NAMESPACE)[0]?.id, ofType(one, COSMOS)[0]?.id];
  return [
    ...findings,
    ...(same(names, ALERTS) ? [] : [`alerts: ${names}`]),
    ...(same(watched, wanted) ? [] : ["throttling of Event Hubs or Cosmos DB is not watched"]),
    ...metrics
      .filter((it) => list<{ actionGroupId: string }>(it, "properties.actions")[0]?.actionGroupId !== group?.id)
      .map(({ name }) => `${name} tells nobody`),
  ];
}

function thresholdOf(one: Case, name: string): number {
  if (name.startsWith("alert-lag-events-")) return parameter(one, "maximumLagEvents", 100_000);
  if (name.startsWith("alert-failing-batches-")) return 10;
  const minutes = name.startsWith("alert-lag-minutes-") || name.startsWith("alert-watermark-delay-");
  return minutes ? parameter(one, "maximumLagMinutes", 15) : 0;
}

function checkWorkbook(one: Case): string[] {
  const [workbook] = ofType(one, "Microsoft.Insights/workbooks");
  type Content = { items: readonly { content: { query: string; visualization: string } }[] };
  const { items } = JSON.parse(String(get(workbook, "properties.serializedData") ?? '{"items":[]}')) as Content;
  const queries = ofType(one, ALERT).map((it) => list<{ query: string }>(it, "properties.criteria.allOf")[0]?.query);
  const shown = items.map(({ content }) => content.query);
  return [
    ...queries.filter((query) => !shown.includes(query ?? "")).map(() => "an alert has no chart in the workbook"),
    ...(items.some(({ content }) => content.visualization === "timechart") ? [] : ["the workbook has no chart"]),
  ];
}

export const OPERATION: readonly Assertion[] = [
  { name: "names are such as the services take", check: checkNames },
  { name: "everything that can be tagged is", check: checkTags },
  { name: "every service sends its logs and metrics to the workspace", check: checkDiagnostics },
  { name: "whatever holds data is locked when asked for", check: checkLocks },
  { name: "compliance initiatives report and change nothing", check: checkPolicies },
  { name: "there are the alerts that mean something, and they tell somebody", check: checkAlerts },
  { name: "the workbook shows what the alerts look at", check: checkWorkbook },
  {
    name: "logs are kept as long as asked for",
    check: (one) => mustBe(one, WORKSPACE, "properties.retentionInDays", parameter(one, "logRetentionDays", 30)),
  },
  {
    name: "alerts reach the address that was given",
    check: (one) => {
      const [group] = ofType(one, "Microsoft.Insights/actionGroups");
      const email = parameter(one, "alertEmail", "");
      const told = list<{ emailAddress: string }>(group, "properties.emailReceivers").map(
        ({ emailAddress }) => emailAddress,
      );
      return same(told, email === "" ? [] : [email]) ? [] : [`told: ${told}`];
    },
  },
];
