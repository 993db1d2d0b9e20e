import { TidemarkError } from "../../errors.ts";

/** A hub as somebody asks for it; names of hubs and groups are compared without regard to case. */
export interface HubDeclaration {
  readonly name: string;
  readonly partitions: number;
  /** Besides `$Default`, which is always there. */
  readonly consumerGroups?: readonly string[];
  readonly retention?: Retention;
}

/** How long a partition keeps its events; what is absent sets no limit. */
export interface Retention {
  readonly hours?: number;
  /** Of stored events, per partition. */
  readonly bytes?: number;
}

export const defaultConsumerGroup = "$Default";

const hubName = /^[a-z0-9](?:[a-z0-9._-]{0,254}[a-z0-9])?$/i;
const groupName = /^(?:\$default|[a-z0-9](?:[a-z0-9._-]{0,48}[a-z0-9])?)$/i;

/** Throws CONFIGURATION when the service would not create such a hub. */
export function checkDeclaration({ name, partitions, consumerGroups = [], retention = {} }: HubDeclaration): void {
  if (!hubName.test(name)) {
    throw new TidemarkError("CONFIGURATION", `"${name}" can't be the name of a hub.`, {
      fix: "Use letters, digits, dots, hyphens and underscores; begin and end with a letter or digit.",
    });
  }
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > 2048) {
    throw new TidemarkError("CONFIGURATION", `Hub "${name}" can't have ${partitions} partitions.`, {
      fix: "Use a whole number from 1 to 2048.",
    });
  }
  const badGroup = consumerGroups.find((group) => !groupName.test(group));
  if (badGroup !== undefined) {
    throw new TidemarkError("CONFIGURATION", `"${badGroup}" can't be the name of a consumer group of hub "${name}".`, {
      fix: "Use at most 50 letters, digits, dots, hyphens and underscores.",
    });
  }
  for (const [what, limit] of Object.entries(retention)) {
    if (limit === undefined || limit > 0) continue;
    throw new TidemarkError("CONFIGURATION", `Hub "${name}" can't keep events for ${limit} ${what}.`, {
      fix: "Give a number above zero, or leave it out.",
    });
  }
}
