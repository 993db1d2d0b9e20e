// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is how azd writes what it fills in
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, test } from "node:test";
import type { Manifest } from "../../lib/cli/infra/manifest.ts";
import {
  type InfraParameters,
  PARAMETER_FILES,
  parametersSchema,
  readParameters,
} from "../../lib/cli/infra/parameters.ts";
import { preflight } from "../../lib/cli/infra/preflight.ts";
import { parseBicep } from "./bicep/parser.ts";
import { Program } from "./bicep/program.ts";
import { Deployment } from "./bicep/template.ts";
import type { Json } from "./bicep/values.ts";
import { evaluateCase, MANIFEST, RICH, VARIATIONS } from "./cases.ts";
import { INFRA, SURROUNDINGS } from "./environments.ts";
import { KNOWN_TYPES } from "./known-types.ts";

const PROD = await readParameters(join(INFRA, PARAMETER_FILES.prod), {});
const [HUB] = MANIFEST.hubs;
assert.ok(HUB);

const hubs = (change: Partial<typeof HUB>, count = 1): Manifest => ({
  ...MANIFEST,
  hubs: Array.from({ length: count }, (_, at) => ({ ...HUB, name: `hub${at}`, ...change })),
});
const SUBNET = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets";
const STANDARD = { hubTier: "Standard", customerManagedKeys: false } as const;

/** What cannot work, and the one sentence that says so. */
const REFUSED: readonly (readonly [
  what: string,
  expected: RegExp,
  parameters: Partial<InfraParameters>,
  manifest?: Manifest,
])[] = [
  ["own keys on Standard", /^customerManagedKeys needs hubTier Premium/, { hubTier: "Standard" }],
  [
    "more than 32 partitions on Standard",
    /^Hub "hub0" has 33 partitions; Standard allows 32/,
    STANDARD,
    hubs({ partitions: 33 }),
  ],
  [
    "more than 10 hubs on Standard",
    /^A Standard namespace has at most 10 hubs; the pipelines need 11/,
    STANDARD,
    hubs({}, 11),
  ],
  [
    "more than 20 groups on Standard",
    /^Hub "hub0" needs 20 consumer groups beside \$Default/,
    STANDARD,
    hubs({ consumerGroups: Array.from({ length: 20 }, (_, at) => `g${at}`) }),
  ],
  [
    "more than a week on Standard",
    /keep events for 169 hours; Standard keeps them 168/,
    STANDARD,
    hubs({ retentionHours: 169 }),
  ],
  ["more than 100 partitions on Premium", /has 101 partitions; Premium allows 100/, {}, hubs({ partitions: 101 })],
  [
    "longer retention than Standard has",
    /keep events for 200 hours; Standard keeps them 168/,
    { ...STANDARD, hubRetentionHours: 200 },
    hubs({}),
  ],
  ["Capture of no hub", /^capturedHubs names "flight", and no pipeline/, { capturedHubs: ["flight"] }],
  [
    "geo-replication on Standard",
    /^hubSecondaryLocation needs hubTier Premium/,
    { ...STANDARD, hubSecondaryLocation: "northeurope" },
  ],
  [
    "replication to the same region",
    /^hubSecondaryLocation is the region/,
    { location: "uksouth", hubSecondaryLocation: "uksouth" },
  ],
  ["auto-inflate on Premium", /^hubMaximumCapacity is for Standard/, { hubMaximumCapacity: 4 }],
  [
    "a maximum below the capacity",
    /^hubMaximumCapacity is below/,
    { ...STANDARD, hubCapacity: 4, hubMaximumCapacity: 2 },
  ],
  [
    "a subnet that is too small",
    /^vnetAddressPrefix 10\.0\.0\.0\/26 is too small/,
    { vnetAddressPrefix: "10.0.0.0/26" },
  ],
  [
    "a subnet with an underscore",
    /^Flex Consumption refuses subnet "flex_app"/,
    { existingAppSubnetId: `${SUBNET}/flex_app`, existingEndpointSubnetId: `${SUBNET}/pe` },
  ],
  ["one existing subnet of two", /go together/, { existingAppSubnetId: `${SUBNET}/a` }],
  [
    "one subnet for both",
    /need a subnet each/,
    { existingAppSubnetId: `${SUBNET}/a`, existingEndpointSubnetId: `${SUBNET}/a` },
  ],
  [
    "a subnet by its name alone",
    /named by its whole resource id/,
    { existingAppSubnetId: "app", existingEndpointSubnetId: `${SUBNET}/a` },
  ],
  [
    "an existing subnet in public",
    /has no use while networkAccess is public/,
    { networkAccess: "public", existingAppSubnetId: `${SUBNET}/a`, existingEndpointSubnetId: `${SUBNET}/b` },
  ],
  [
    "a NAT for somebody else's VNet",
    /^outbound nat belongs to a VNet/,
    { outbound: "nat", existingAppSubnetId: `${SUBNET}/a`, existingEndpointSubnetId: `${SUBNET}/b` },
  ],
  [
    "serverless with several regions",
    /^Serverless Cosmos DB lives in one region/,
    { cosmosMode: "serverless", cosmosSecondaryLocations: ["uksouth"] },
  ],
  ["a region twice", /names a region twice/, { location: "uksouth", cosmosSecondaryLocations: ["uksouth"] }],
  ["Strong in one region", /^cosmosConsistency Strong means nothing/, { cosmosConsistency: "Strong" }],
  ["odd throughput", /steps of 1000/, { cosmosMaximumThroughput: 4500 }],
  [
    "one always-ready instance with zone redundancy",
    /^Function "delays" keeps one instance ready/,
    { alwaysReadyOverrides: { delays: 1 } },
  ],
  [
    "one always-ready instance of what wakes pipelines",
    /^Function "wake-ups" keeps one instance ready/,
    { alwaysReadyOverrides: { "wake-ups": 1 } },
  ],
  [
    "an override for no function",
    /names "delay", and there is no such function/,
    { alwaysReadyOverrides: { delay: 2 } },
  ],
  ["storage in one zone with zone redundancy", /^zoneRedundant promises/, { storageRedundancy: "Standard_GRS" }],
  ["a name that is too long", /^name "tidemarkprod" must be/, { name: "tidemarkprod" }],
  ["a name with a hyphen", /^name "tide-mark" must be/, { name: "tide-mark" }],
  [
    "an environment's name that is too long",
    /^environmentName "production" must be/,
    { environmentName: "production" },
  ],
  ["ranges in private", /^allowedIpRanges has a meaning only when/, { allowedIpRanges: ["203.0.113.7"] }],
  ["no ranges in restricted", /lets nobody in/, { networkAccess: "restricted" }],
  [
    "a private range among public ones",
    /"10\.1\.0\.0\/16" is a private one/,
    { networkAccess: "restricted", allowedIpRanges: ["10.1.0.0/16"] },
  ],
  ["a range that is none", /^"10\.0\.0\.300" is not an IPv4/, { trustedAddressPrefixes: ["10.0.0.300"] }],
];

describe("the preflight refuses", () => {
  for (const [what, expected, parameters, manifest = MANIFEST] of REFUSED) {
    test(`${what}, in one sentence`, () => {
      const findings = preflight(manifest, { ...PROD, ...parameters });
      assert.equal(findings.length, 1, findings.join("\n"));
      assert.match(findings[0] ?? "", expected);
    });
  }

  test("nothing of either environment, nor of an app that uses everything", async () => {
    const dev = await readParameters(join(INFRA, PARAMETER_FILES.dev), {});
    assert.deepEqual([preflight(MANIFEST, dev), preflight(MANIFEST, PROD), preflight(RICH, PROD)], [[], [], []]);
  });

  test("every name that the template would make too long", () => {
    // The longest names that pass, with what lengthens them most, must still be names.
    const [, prod] = VARIATIONS;
    assert.ok(prod);
    const parameters = { ...prod.parameters, name: "n".repeat(10), environmentName: "e".repeat(8) };
    assert.deepEqual(
      preflight(RICH, { ...PROD, name: parameters.name, environmentName: parameters.environmentName }),
      [],
    );
    assert.doesNotThrow(() => evaluateCase({ name: "", parameters, manifest: RICH }));
  });
});

describe("the preflight reads", () => {
  test("the same fallbacks as the template", () => {
    const file = parseBicep("main.bicep", readFileSync(resolve(INFRA, "main.bicep"), "utf8"));
    const defaults = parametersSchema.parse({ name: "app", environmentName: "dev" }) as Record<string, Json>;
    const outputs = file.declarations.flatMap(({ kind, name }) => (kind === "param" && name in defaults ? [name] : []));
    assert.deepEqual(outputs.sort(), Object.keys(defaults).sort());
    const program = new Program({ read: () => "", surroundings: SURROUNDINGS, types: KNOWN_TYPES, allowUnused: true });
    const params = file.declarations.filter(({ kind, name }) => kind === "param" && name in defaults);
    const probe = params.map((param) => ({
      ...param,
      kind: "output",
      value: { kind: "name", name: param.name, line: param.line },
    }));
    const source = { ...file, declarations: [...params, ...probe] } as typeof file;
    const values = new Deployment(program, source, { name: "app", environmentName: "dev", location: "" }).run();
    assert.deepEqual(values, defaults);
  });

  test("what azd fills in, and says what is wrong with a file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tidemark-preflight-"));
    try {
      const write = (name: string, parameters: unknown) => {
        writeFileSync(join(folder, name), JSON.stringify({ parameters }));
        return join(folder, name);
      };
      const good = write("good.json", {
        name: { value: "x" },
        environmentName: { value: "${E=dev}" },
        location: { value: "${AZURE_LOCATION}" },
      });
      assert.equal((await readParameters(good, { AZURE_LOCATION: "uksouth" })).location, "uksouth");
      assert.equal((await readParameters(good, { E: "test" })).environmentName, "test");
      const bad = write("bad.json", { name: { value: 1 }, environmentName: { value: "x" } });
      await assert.rejects(readParameters(bad, {}), {
        code: "CONFIGURATION",
        message: /bad\.json cannot be used: .*name/,
      });
      await assert.rejects(readParameters(join(folder, "none.json"), {}), { code: "CONFIGURATION" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
