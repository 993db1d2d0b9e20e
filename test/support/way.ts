import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A way to a local service that can be cut, as the network does it: by connections that break. */
export interface Way {
  readonly port: number;
  /** Cuts it at once. */
  cut(): void;
  /** Cuts it behind the next request that has these words in it: the service gets it, and its answer is lost. */
  cutBehind(words: string): void;
  mend(): void;
  close(): Promise<void>;
}

/** Opens a way to a port of this machine. */
export async function openWay(to: number): Promise<Way> {
  const sockets = new Set<Socket>();
  let isCut = false;
  let last: string | undefined;
  const server = createServer((client) => {
    const service = connect(to, "localhost");
    for (const socket of [client, service]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        client.destroy();
        service.destroy();
      });
    }
    if (isCut) client.destroy();
    client.on("data", (bytes) => {
      service.write(bytes);
      if (last === undefined || !bytes.includes(last)) return;
      last = undefined;
      isCut = true;
    });
    service.on("data", (bytes) => {
      if (isCut) cut();
      else client.write(bytes);
    });
  });
  const cut = () => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  server.listen(0, "localhost");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cut,
    cutBehind: (words) => {
      last = words;
    },
    mend: () => {
      isCut = false;
    },
    close: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
