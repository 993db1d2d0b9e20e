import { createServer } from "node:net";

/** How a command chooses ports: the well-known ones or nothing; those that are free, else others; any. */
export type PortChoice = "default" | "prefer" | "free";

export const WELL_KNOWN_PORTS = { hub: 5672, cosmos: 8081, blob: 10000, queue: 10001, table: 10002 } as const;

export type ServiceName = keyof typeof WELL_KNOWN_PORTS;

export type Ports = Readonly<Record<ServiceName, number>>;

const HOSTS = ["127.0.0.1", "::1"];

/** The port to ask for, per service; 0 stands for any free one, and `taken` names those that were in use. */
export async function choosePorts(choice: PortChoice): Promise<{ ports: Ports; taken: readonly ServiceName[] }> {
  const names = Object.keys(WELL_KNOWN_PORTS) as ServiceName[];
  if (choice === "free") return { ports: portsOf(names, new Set(names)), taken: [] };
  if (choice === "default") return { ports: portsOf(names, new Set()), taken: [] };
  const taken: ServiceName[] = [];
  for (const name of names) if (!(await isFree(WELL_KNOWN_PORTS[name]))) taken.push(name);
  return { ports: portsOf(names, new Set(taken)), taken };
}

function portsOf(names: readonly ServiceName[], replaced: ReadonlySet<ServiceName>): Ports {
  const entries = names.map((name) => [name, replaced.has(name) ? 0 : WELL_KNOWN_PORTS[name]] as const);
  return Object.fromEntries(entries) as Record<ServiceName, number>;
}

async function isFree(port: number): Promise<boolean> {
  for (const host of HOSTS) if (!(await canListen(port, host))) return false;
  return true;
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code !== "EADDRINUSE"));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
