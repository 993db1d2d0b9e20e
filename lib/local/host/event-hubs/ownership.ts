import type { PartitionOwnership } from "@azure/event-hubs";

export interface Balance {
  readonly ownerId: string;
  readonly partitionIds: readonly string[];
  readonly ownerships: readonly PartitionOwnership[];
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Milliseconds after which an owner that did not renew is gone. */
  readonly expiresAfter: number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/**
 * The partitions that an owner should claim now so that all active owners come to have the same number, or one more:
 * those that nobody owns first, then some of those who have too many. Competing processors of the SDKs decide likewise.
 */
export function partitionsToClaim(balance: Balance): string[] {
  const { ownerId, partitionIds, ownerships, now, expiresAfter, random } = balance;
  const owned = new Map<string, string[]>([[ownerId, []]]);
  const free = new Set(partitionIds);
  for (const { ownerId: owner, partitionId, lastModifiedTimeInMs } of ownerships) {
    if (owner === "" || now - (lastModifiedTimeInMs ?? 0) >= expiresAfter || !free.delete(partitionId)) continue;
    owned.set(owner, [...(owned.get(owner) ?? []), partitionId]);
  }
  const others = [...owned].filter(([owner]) => owner !== ownerId).map(([, partitions]) => partitions);
  const least = Math.floor(partitionIds.length / owned.size);
  const above = others.filter(({ length }) => length > least).length;
  const share = above < partitionIds.length % owned.size ? least + 1 : least;

  const claims: string[] = [];
  let missing = share - (owned.get(ownerId)?.length ?? 0);
  for (; missing > 0 && free.size > 0; missing--) {
    const partition = pick([...free], random);
    free.delete(partition);
    claims.push(partition);
  }
  for (; missing > 0; missing--) {
    const richest = others.reduce((a, b) => (b.length > a.length ? b : a), []);
    // Whoever has fewer than its share finds an owner with more than that, so nobody is robbed below it.
    const partition = pick(richest, random);
    richest.splice(richest.indexOf(partition), 1);
    claims.push(partition);
  }
  return claims;
}

function pick(list: readonly string[], random: () => number): string {
  return list[Math.floor(random() * list.length)] as string;
}
