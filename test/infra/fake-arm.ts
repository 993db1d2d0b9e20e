import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { guid } from "./bicep/functions.ts";
import type { ConcreteResource } from "./bicep/program.ts";
import type { Json } from "./bicep/values.ts";

/** A function as Azure Resource Manager shows it. */
export interface Published {
  readonly name: string;
  readonly properties: Readonly<Record<string, Json>>;
}

/**
 * Answers like Azure Resource Manager would if the given resources were deployed and functions published; every list
 * comes in pages of two.
 */
export async function serveArm(
  resources: readonly ConcreteResource[],
  functions: readonly Published[] = [],
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "", `http://${request.headers.host}`);
    if (request.headers.authorization !== "Bearer good") return void response.writeHead(403).end("{}");
    const path = decodeURIComponent(url.pathname);
    const listed = /\/Microsoft\.Web\/sites\/[^/]+\/functions$/.test(path);
    const found = listed ? page(functions.map(published), url) : answer(resources, path, url);
    response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(found ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function answer(resources: readonly ConcreteResource[], path: string, url: URL): Json | undefined {
  const settings = /^(.*)\/config\/appsettings\/list$/.exec(path)?.[1];
  if (settings !== undefined) {
    const site = resources.find(({ id }) => id === settings);
    if (!site) return undefined;
    type Properties = { siteConfig: { appSettings: { name: string; value: string }[] } };
    const { appSettings } = (site.body.properties as Properties).siteConfig;
    return { properties: Object.fromEntries(appSettings.map(({ name, value }) => [name, value])) };
  }
  const one = resources.find(({ id }) => id === path);
  if (one) return shown(one);
  if (path.endsWith("/roleAssignments")) {
    const wanted = /principalId eq '([^']+)'/.exec(url.searchParams.get("$filter") ?? "")?.[1];
    const roles = resources.filter(({ type }) => type === "Microsoft.Authorization/roleAssignments").map(shown);
    return page(
      roles.filter((role) => (role.properties as { principalId: string }).principalId === wanted),
      url,
    );
  }
  // After the provider, types and names alternate: ending with a name is one resource, found above if it were there.
  if ((path.split("/providers/").at(-1)?.split("/").length ?? 0) % 2 === 1) return undefined;
  return page(
    resources.filter(({ id }) => id.startsWith(`${path}/`) && !id.slice(path.length + 1).includes("/")).map(shown),
    url,
  );
}

function published({ name, properties }: Published): Shown {
  return { name: `app/${name}`, properties };
}

type Shown = Readonly<Record<string, Json>>;

function shown({ id, name, type, scopeId, body }: ConcreteResource): Shown {
  const { identity, properties = {}, ...rest } = body;
  const ids = Object.keys((identity as { userAssignedIdentities?: object } | undefined)?.userAssignedIdentities ?? {});
  // The same principal that the evaluator gave to the identity.
  const principals = Object.fromEntries(ids.map((one) => [one, { principalId: guid("principal", one) }]));
  return {
    ...rest,
    id,
    type,
    name: name.split("/").at(-1) ?? "",
    identity: { userAssignedIdentities: principals },
    properties: { ...(properties as object), ...(scopeId && { scope: scopeId }) } as Json,
  };
}

function page(all: readonly Shown[], url: URL): Json {
  const from = Number(url.searchParams.get("from") ?? 0);
  const next = new URL(url);
  next.searchParams.set("from", String(from + 2));
  return { value: all.slice(from, from + 2), ...(all.length > from + 2 && { nextLink: next.href }) };
}
