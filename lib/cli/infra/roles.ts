import type { FunctionDescription } from "../../azure/app-description.ts";
import type { Manifest, ManifestRole } from "./manifest.ts";

type Parts = Pick<Manifest, "hubs" | "containers" | "blobContainers" | "queues">;

/** What the app's identity must be allowed, each at the narrowest scope there is, and why. */
export function rolesOf(functions: readonly FunctionDescription[], parts: Parts): ManifestRole[] {
  return [
    ...parts.hubs
      .filter(({ kafka }) => !kafka)
      .flatMap(({ name, read, written }): ManifestRole[] => [
        ...(read
          ? [{ scope: "hub", resource: name, role: "receive", because: readersOf(functions, name) } as const]
          : []),
        ...(written
          ? [{ scope: "hub", resource: name, role: "send", because: writersOf(functions, name) } as const]
          : []),
      ]),
    ...parts.blobContainers.map(({ name, access, purpose }): ManifestRole => {
      return { scope: "blobContainer", resource: name, role: access, because: `holds ${purpose}` };
    }),
    ...parts.queues.map(({ name, purpose }): ManifestRole => {
      const because = purpose === "poison" ? "takes what was given up" : `carries ${purpose}`;
      return { scope: "queue", resource: name, role: "write", because };
    }),
    ...parts.containers.map(({ database, name, access }): ManifestRole => {
      const because = access === "write" ? "holds results" : "is a reference table";
      return { scope: "cosmosContainer", resource: `${database}/${name}`, role: access, because };
    }),
  ];
}

function readersOf(functions: readonly FunctionDescription[], hub: string): string {
  return `read by ${functions
    .filter((one) => one.hub === hub)
    .map(({ name }) => name)
    .join(", ")}`;
}

function writersOf(functions: readonly FunctionDescription[], hub: string): string {
  const writers = functions.filter(({ sinks }) =>
    sinks.some((sink) => sink.kind === "eventHub" && sink.eventHub === hub),
  );
  return `written by ${writers.map(({ name }) => name).join(", ")}`;
}
