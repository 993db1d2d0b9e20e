import { on, once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * Two ends of one connection over loopback. The kernel keeps megabytes on their way, where a pipe between processes holds
 * two hundred kilobytes: a process that is busy with one batch finds the next one whole when it looks again.
 */
export async function socketPair(): Promise<readonly [near: Socket, far: Socket]> {
  const server = createServer({ noDelay: true });
  try {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const far = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", noDelay: true });
    const connected = once(far, "connect");
    // Anybody on this machine may have connected first.
    for await (const [socket] of on(server, "connection") as AsyncIterable<[Socket]>) {
      await connected;
      if (socket.remotePort === far.localPort) return [socket, far];
      socket.destroy();
    }
    throw new Error("no connection over loopback came about");
  } finally {
    server.close();
  }
}
