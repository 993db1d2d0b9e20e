import { type Check, type Context, type Finding, good, problem, unknown } from "../check.ts";
import { hostOf } from "../endpoints.ts";
import { explain } from "../explain.ts";

/** Are the containers of Cosmos DB there, with their partition keys? */
export const cosmosCheck: Check = {
  name: "Cosmos DB",
  run: async (context) =>
    Promise.all(context.manifest.containers.map((one) => checkContainer(context, one))).then(known),
};

type Container = Context["manifest"]["containers"][number];

async function checkContainer({ connections, settings }: Context, one: Container): Promise<Finding | undefined> {
  if (!connections) return undefined;
  const what = `Container ${one.database}/${one.name}`;
  try {
    const client = await connections.cosmos(one.connection);
    const { resource } = await client.database(one.database).container(one.name).read();
    const paths = resource?.partitionKey?.paths ?? [];
    if (paths.join() === one.partitionKeyPaths.join()) return good(`${what} is keyed by ${paths.join(", ")}.`);
    return problem(
      `${what} is keyed by ${paths.join(", ")} and the pipeline writes by ${one.partitionKeyPaths.join(", ")}.`,
      "A container keeps the key it was made with: write to a new container, or delete this one and deploy.",
    );
  } catch (thrown) {
    return explain(
      thrown,
      what,
      hostOf(settings, one.connection, "Cosmos DB"),
      "the role Cosmos DB Built-in Data Reader on the container",
    );
  }
}

/** Are the blob containers there? */
export const blobsCheck: Check = {
  name: "storage",
  run: async (context) =>
    Promise.all(context.manifest.blobContainers.map((one) => checkBlobs(context, one))).then(known),
};

type BlobContainer = Context["manifest"]["blobContainers"][number];

async function checkBlobs(
  { connections, settings, deployed }: Context,
  one: BlobContainer,
): Promise<Finding | undefined> {
  if (!connections) return undefined;
  const what = `Blob container ${one.name}`;
  try {
    const client = (await connections.blobs(one.connection)).getContainerClient(one.name);
    if (await client.exists()) return good(`${what} is there.`);
    // Locally, the app makes its containers with the first batch.
    if (!deployed && one.purpose !== "tables") return good(`${what} comes with the first batch.`);
    return problem(
      `${what} does not exist.`,
      deployed ? "Deploy the infrastructure: azd provision." : "npm start puts the tables there.",
    );
  } catch (thrown) {
    return explain(
      thrown,
      what,
      hostOf(settings, one.connection, "Blob Storage"),
      "the role Storage Blob Data Reader on the container",
    );
  }
}

/** Two clocks may differ by so much before tokens are refused and wake-ups come at odd times. */
const SKEW_MS = 60_000;

/** Does this machine's clock agree with the storage service's? */
export const clockCheck: Check = {
  name: "clock",
  run: async ({ connections, manifest, settings, now }) => {
    const [first] = manifest.blobContainers;
    if (!connections || !first) return [];
    const client = await connections.blobs(first.connection);
    const before = now();
    // Any answer has the date, also a refusal.
    const date = await client
      .getContainerClient(first.name)
      .getProperties()
      .then(
        (answer) => answer.date,
        (error: { response?: { headers?: { get(name: string): string | undefined } } }) => {
          const text = error.response?.headers?.get("date");
          return text ? new Date(text) : undefined;
        },
      );
    if (!date)
      return [unknown(`The clock of ${hostOf(settings, first.connection, "Blob Storage")} could not be read.`)];
    // The answer was written between asking and receiving, to the second.
    const skew = Math.max(0, Math.abs(date.getTime() - (before + now()) / 2) - 1_000);
    if (skew <= SKEW_MS) return [good("The clock agrees with the storage service's.")];
    return [
      problem(
        `The clock is ${Math.round(skew / 1000)} s off the storage service's.`,
        "Set it by NTP: tokens are refused beyond five minutes.",
      ),
    ];
  },
};

function known(findings: readonly (Finding | undefined)[]): Finding[] {
  return findings.filter((finding) => finding !== undefined);
}
