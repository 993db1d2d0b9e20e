import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { type Check, type Finding, good, problem } from "../check.ts";
import { type Endpoint, endpointsOf } from "../endpoints.ts";
import { explain } from "../explain.ts";

const TIMEOUT_MS = 5_000;

/** Do the services' names lead somewhere, and to private addresses when the app is private? */
export const dnsCheck: Check = {
  name: "names",
  run: async ({ settings, deployed }) => {
    if (!settings) return [];
    const hosts = [...new Set(endpointsOf(settings).map(({ host }) => host))];
    return Promise.all(hosts.map((host) => resolveName(host, deployed?.isPrivate ?? false)));
  },
};

async function resolveName(host: string, mustBePrivate: boolean): Promise<Finding> {
  try {
    const addresses = (await lookup(host, { all: true })).map(({ address }) => address);
    const open = addresses.filter((address) => !isPrivateAddress(address));
    if (mustBePrivate && open.length > 0) {
      return problem(
        `${host} leads to the public address ${open[0]}, though the app is private.`,
        "Run the doctor inside the VNet; there, check that the private DNS zone is linked and holds the name.",
      );
    }
    return good(`${host} is ${addresses[0]}.`);
  } catch (thrown) {
    return explain(thrown, "DNS", host, "no right");
  }
}

/** Whether an address is of a private range or of this machine. */
export function isPrivateAddress(address: string): boolean {
  return /^(10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|::1$|f[cd])/i.test(address);
}

/** Do the services take connections from here? */
export const reachCheck: Check = {
  name: "reach",
  run: async ({ settings }) => (settings ? Promise.all(endpointsOf(settings).map(reach)) : []),
};

function reach({ service, host, port }: Endpoint): Promise<Finding> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (finding: Finding) => {
      socket.destroy();
      resolve(finding);
    };
    const place = `${host}:${port}`;
    socket.setTimeout(TIMEOUT_MS, () => end(explain(new Error("timed out"), service, place, "no right")));
    socket.once("error", (error) => end(explain(error, service, place, "no right")));
    socket.once("connect", () => end(good(`${service} answers on ${place}.`)));
  });
}
