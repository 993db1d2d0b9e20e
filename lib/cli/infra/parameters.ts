import { readFile } from "node:fs/promises";
import { z } from "zod";
import { messageOf, TidemarkError } from "../../errors.ts";

/** The file of each environment; azd reads `main.parameters.json` by that name. */
export const PARAMETER_FILES = { dev: "main.parameters.json", prod: "main.parameters.prod.json" } as const;

export type EnvironmentName = keyof typeof PARAMETER_FILES;

const strings = z.array(z.string());

/** What the preflight looks at, with the fallbacks of `main.bicep`. A test keeps the two alike. */
export const parametersSchema = z.object({
  name: z.string(),
  environmentName: z.string(),
  location: z.string().default(""),
  networkAccess: z.enum(["public", "restricted", "private"]).default("private"),
  allowedIpRanges: strings.default([]),
  vnetAddressPrefix: z.string().default("10.40.0.0/24"),
  existingAppSubnetId: z.string().default(""),
  existingEndpointSubnetId: z.string().default(""),
  trustedAddressPrefixes: strings.default([]),
  outbound: z.enum(["none", "nat"]).default("none"),
  hubTier: z.enum(["Standard", "Premium", "Dedicated"]).default("Standard"),
  hubCapacity: z.int().default(1),
  hubMaximumCapacity: z.int().default(0),
  hubSecondaryLocation: z.string().default(""),
  hubRetentionHours: z.int().default(0),
  capturedHubs: strings.default([]),
  alwaysReadyInstances: z.int().default(0),
  alwaysReadyOverrides: z.record(z.string(), z.int()).default({}),
  storageRedundancy: z.enum(["Standard_LRS", "Standard_ZRS", "Standard_GRS", "Standard_GZRS"]).default("Standard_ZRS"),
  cosmosMode: z.enum(["serverless", "autoscale"]).default("autoscale"),
  cosmosMaximumThroughput: z.int().default(4000),
  cosmosSecondaryLocations: strings.default([]),
  cosmosConsistency: z.enum(["Session", "BoundedStaleness", "Strong"]).default("Session"),
  zoneRedundant: z.boolean().default(true),
  customerManagedKeys: z.boolean().default(false),
});

export type InfraParameters = z.infer<typeof parametersSchema>;

/** Reads a parameter file as azd does: `${NAME}` and `${NAME=fallback}` come from the environment. Throws CONFIGURATION. */
export async function readParameters(
  file: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<InfraParameters> {
  try {
    const text = (await readFile(file, "utf8")).replaceAll(
      /\$\{(\w+)(?:=([^}]*))?\}/g,
      (_, name: string, fallback = "") => {
        return environment[name] ?? fallback;
      },
    );
    const { parameters } = z
      .object({ parameters: z.record(z.string(), z.object({ value: z.unknown() })) })
      .parse(JSON.parse(text));
    const values = Object.entries(parameters).map(([name, { value }]) => [name, value]);
    return parametersSchema.parse(Object.fromEntries(values));
  } catch (cause) {
    const what = cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll("\n", " ") : messageOf(cause);
    throw new TidemarkError("CONFIGURATION", `${file} cannot be used: ${what}.`, {
      fix: "Compare it with the parameters that infra/main.bicep declares.",
      cause,
    });
  }
}
