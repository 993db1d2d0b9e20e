import type { ConcreteResource } from "./bicep/program.ts";
import type { Json } from "./bicep/values.ts";

/** The resources as one flat ARM template without expressions, for tools that read such. */
export function writeArm(resources: readonly ConcreteResource[]): Json {
  return {
    $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
    contentVersion: "1.0.0.0",
    resources: resources.map(({ type, apiVersion, name, scopeId, body }) => {
      return { type, apiVersion, name, ...(scopeId && { scope: scopeId }), ...body };
    }),
  };
}
