import { once } from 'node:events';
import WebSocket from 'ws';

/** What a socket was told. */
export interface Told {
  type: string;
  id?: string;
  payload?: { message: string; extensions: { code: string; status: number; errors: object[]; requestId: string | null } }[];
}

/** A socket that says whatever it is told to, in its turn or not. */
export interface RawSocket {
  say(message: unknown): void;
  /** The next message that is no ping. */
  next(): Promise<Told>;
  /** Code with which it was closed. */
  closed: Promise<number>;
  close(): void;
}

export async function rawSocket(url: string, protocol = 'graphql-transport-ws'): Promise<RawSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, protocol);
  const told: Told[] = [];
  let wake: () => void = () => undefined;
  socket.on('message', (data: Buffer) => {
    const message = JSON.parse(data.toString()) as Told;
    if (message.type === 'ping') return;
    told.push(message);
    wake();
  });
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await once(socket, 'open');
  return {
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    next: async () => {
      while (told.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return told.shift() as Told;
    },
    closed,
    close: () => socket.close(),
  };
}

/** A socket that has said whose it is. */
export async function acknowledgedSocket(url: string, key: string): Promise<RawSocket> {
  const socket = await rawSocket(url);
  socket.say({ type: 'connection_init', payload: { authorization: `Bearer ${key}` } });
  const { type } = await socket.next();
  if (type !== 'connection_ack') throw new Error(`told ${type} instead of connection_ack`);
  return socket;
}

export const subscribe = (query: string, variables: object = {}, id = '1'): object => ({
  type: 'subscribe',
  id,
  payload: { query, variables },
});
