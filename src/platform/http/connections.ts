import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** How long a connection without a request stays open once the server stops: a request may be in transit, but a client could keep it open forever. */
const GRACE_MILLISECONDS = 500;

/**
 * Counts the running requests of each connection. When the server stops, Node closes used idle connections only. An unused connection, one with an incomplete
 * request head, or a WebSocket would delay the stop until its client closes it.
 *
 * @returns a function to call when the server stops, which closes connections without a request after 500 ms
 */
export function idleConnections(server: Server): () => void {
  const requests = new Map<Socket, number>();
  const count = (socket: Socket, change: 1 | -1): void => {
    const before = requests.get(socket);
    if (before !== undefined) requests.set(socket, before + change);
  };
  server.on('connection', (socket: Socket) => {
    requests.set(socket, 0);
    socket.once('close', () => requests.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });
  const cut = (): void => requests.forEach((underWay, socket) => underWay === 0 && socket.destroy());
  return () => void setTimeout(cut, GRACE_MILLISECONDS).unref();
}
