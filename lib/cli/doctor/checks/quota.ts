import type { Manifest } from "../../infra/manifest.ts";
import { LIMITS } from "../../infra/preflight.ts";
import { type Check, good, problem } from "../check.ts";

/** What all Flex Consumption apps of one region may use together unless the subscription's quota was raised. */
const REGION_MEMORY_MB = 512_000;

/** Do the hubs fit their tier, and the app its region's memory? */
export const quotaCheck: Check = {
  name: "quota",
  run: async ({ manifest, deployed }) => {
    if (!deployed) return [];
    const { tier, hubs } = deployed.namespace;
    const limit = LIMITS[tier as keyof typeof LIMITS] ?? LIMITS.Standard;
    const instances = manifest.functions.map((one) => instancesOf(manifest, one, deployed.maximumInstances));
    const memory = deployed.memoryMB * instances.reduce((sum, count) => sum + count, 0);
    const groups = [...hubs].filter(([, list]) => list.length >= limit.groups);
    return [
      hubs.size > limit.hubs * 0.9
        ? problem(
            `The namespace has ${hubs.size} of at most ${limit.hubs} hubs.`,
            "Use a higher tier or a second namespace.",
          )
        : good(`The namespace has ${hubs.size} of at most ${limit.hubs} hubs.`),
      ...groups.map(([name, list]) =>
        problem(
          `Hub ${name} has ${list.length} of at most ${limit.groups} consumer groups.`,
          "Delete groups that nobody reads, or use a higher tier.",
        ),
      ),
      memory > REGION_MEMORY_MB
        ? problem(
            `Scaled out fully, the functions take ${memory} MB; a region allows ${REGION_MEMORY_MB} MB unless your quota was raised.`,
            "Lower maximumInstanceCount, or ask for more quota: beyond it, apps stop scaling.",
          )
        : good(`Scaled out fully, the functions take ${memory} of ${REGION_MEMORY_MB} MB.`),
    ];
  },
};

/** How far a function scales out: to an instance for each partition, and a timer to one. */
function instancesOf({ hubs }: Manifest, one: Manifest["functions"][number], maximum: number): number {
  if (one.trigger === "timer") return 1;
  if (one.trigger === "queue") return maximum;
  return Math.min(maximum, hubs.find(({ name }) => name === one.hub)?.partitions ?? maximum);
}
