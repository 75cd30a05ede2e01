import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A proxy to a server that a test can interrupt, like a restart of that server. */
export interface Severable {
  url: string;
  /** Resets every connection, and refuses new ones until `restore`. */
  sever(): void;
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a proxy on a free port for the server of the URL (postgresql: or redis:). */
export async function severable(url: string): Promise<Severable> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const upstream = connect(Number(target.port), target.hostname);
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const way = new URL(url);
  way.hostname = '127.0.0.1';
  way.port = String(port);
  const sever = (): void => {
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: way.toString(),
    sever,
    restore: () => listen(port),
    close: () =>
      new Promise((resolve) => {
        if (server.listening) server.close(() => resolve());
        else resolve();
        for (const socket of sockets) socket.destroy();
      }),
  };
}
