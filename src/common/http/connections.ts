import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** How long a connection without a request is left open once the server stops: a request may be on its way, and a client may keep one open for ever. */
const GRACE_MILLISECONDS = 500;

/**
 * Counts the requests under way on each connection of the server. When it stops, Node ends the connections that have been used and are idle; one that was opened
 * in reserve, that stopped in the middle of a request's head, or that became a WebSocket would hold up the stop for as long as its client likes.
 *
 * @returns what cuts those without a request a moment later, to be called when the server stops
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
