import { Logger } from '@nestjs/common';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';
import type { Context } from '../db/context.ts';
import { isRecord } from '../json.ts';
import { lookAt } from '../model/text.ts';
import { formatErrors } from './errors.ts';
import { InvalidDocument } from './subscription.ts';
import type { SubscriptionRequest } from './subscription.ts';

export const PROTOCOL = 'graphql-transport-ws';

/** Close codes: those of graphql-transport-ws, and 1013 (try again later) of WebSocket. */
export const CLOSE = {
  TRY_AGAIN: 1013,
  BAD_MESSAGE: 4400,
  UNAUTHORIZED: 4401,
  FORBIDDEN: 4403,
  WRONG_PROTOCOL: 4406,
  TOO_LATE: 4408,
  ID_IN_USE: 4409,
  TOO_MANY_INITS: 4429,
} as const;

/** Time that a socket has for `connection_init`. */
const PATIENCE_MILLISECONDS = 10_000;
const DEEPEST = 100;
const OPEN = 1;
const log = new Logger('graphql');

/** The part of a WebSocket that is used here. */
export interface Socket {
  readonly protocol: string;
  readonly readyState: number;
  send(message: string, ...rest: unknown[]): void;
  close(code: number, reason: string): void;
  emit(event: string, ...given: unknown[]): boolean;
  once(event: 'close', listener: () => void): unknown;
}

interface Message {
  type: string;
  id?: unknown;
  payload?: unknown;
}

/** Throws if a subscription is refused; an InvalidDocument has several errors. */
export type CheckSubscription = (caller: Context, asked: SubscriptionRequest) => void;

const isAbsentOr = (type: 'string' | 'object', value: unknown): boolean =>
  value === undefined || value === null || (type === 'string' ? typeof value === 'string' : isRecord(value));

/** The message in a frame; null if it is not a message. */
function messageIn(frame: unknown): Message | null {
  const text = String(frame);
  // Deeper values could exhaust the stack of code that walks them.
  if (lookAt(text, DEEPEST).depth > DEEPEST) return null;
  try {
    const message: unknown = JSON.parse(text);
    // Mercurius' parser refuses such a key with an error of its own.
    if (JSON.stringify(message).includes('"__proto__":')) return null;
    if (!isRecord(message)) return null;
    const { type, id, payload } = message;
    return typeof type === 'string' ? { type, id, payload } : null;
  } catch {
    return null;
  }
}

function subscriptionIn(payload: unknown): SubscriptionRequest | null {
  if (!isRecord(payload)) return null;
  const { query, variables, operationName } = payload;
  if (typeof query !== 'string' || !isAbsentOr('object', variables) || !isAbsentOr('string', operationName)) return null;
  return { query, variables: (variables ?? {}) as Record<string, unknown>, operationName: (operationName ?? null) as string | null };
}

/**
 * Filters the messages between a socket and Mercurius, which accepts messages that the protocol forbids and does not validate subscriptions. Only messages that
 * are legal at that moment and executable pass; outgoing errors get the form of the contract.
 */
export class SocketGate {
  private hasAsked = false;
  private isAcknowledged = false;
  /** The caller after `connection_init`. */
  private caller: Context | null = null;
  /** Ids of the running subscriptions. */
  private readonly ids = new Set<string>();

  constructor(
    private readonly socket: Socket,
    private readonly check: CheckSubscription,
  ) {
    const [send, emit] = [socket.send.bind(socket), socket.emit.bind(socket)];
    socket.send = (message, ...rest) => {
      const outgoing = this.outgoing(message);
      if (outgoing !== null) send(outgoing, ...rest);
    };
    socket.emit = (event, ...given) => {
      if (event !== 'message') return emit(event, ...given);
      const passed = this.incoming(given[0]);
      return passed !== null && emit(event, passed, false);
    };
    const patience = setTimeout(
      () => this.hasAsked || this.end(CLOSE.TOO_LATE, 'Connection initialisation timeout'),
      PATIENCE_MILLISECONDS,
    );
    socket.once('close', () => clearTimeout(patience));
  }

  /** Admits the caller; `unwatch` is called when the socket is closed. */
  admit(caller: Context, unwatch: () => void): void {
    this.caller = caller;
    this.socket.once('close', unwatch);
  }

  end(code: number, reason: string): null {
    this.socket.close(code, reason);
    return null;
  }

  /** The message to pass to Mercurius; null = none. */
  private incoming(frame: unknown): string | null {
    if (this.socket.readyState !== OPEN) return null;
    const message = messageIn(frame);
    if (message === null) return this.end(CLOSE.BAD_MESSAGE, 'Invalid message received');
    switch (message.type) {
      case 'connection_init':
        if (!isAbsentOr('object', message.payload)) break;
        if (this.hasAsked) return this.end(CLOSE.TOO_MANY_INITS, 'Too many initialisation requests');
        this.hasAsked = true;
        return JSON.stringify(message);
      case 'subscribe':
        return this.subscribe(message);
      case 'complete':
        this.ids.delete(String(message.id));
        return JSON.stringify(message);
      case 'ping':
      case 'pong':
        return JSON.stringify(message);
      default:
        break;
    }
    return this.end(CLOSE.BAD_MESSAGE, 'Invalid message received');
  }

  private subscribe({ id, payload }: Message): string | null {
    const asked = subscriptionIn(payload);
    if (asked === null || typeof id !== 'string' || id === '') return this.end(CLOSE.BAD_MESSAGE, 'Invalid message received');
    if (!this.isAcknowledged || this.caller === null) return this.end(CLOSE.UNAUTHORIZED, 'Unauthorized');
    if (this.ids.has(id)) return this.end(CLOSE.ID_IN_USE, 'Subscriber already exists');
    try {
      this.check(this.caller, asked);
    } catch (error) {
      const errors = error instanceof InvalidDocument ? error.faults : [error as Error];
      this.socket.send(JSON.stringify({ type: 'error', id, payload: formatErrors({ errors }, this.caller.requestId).response.errors }));
      return null;
    }
    this.ids.add(id);
    // Other fields are dropped: by an extension of the message, Mercurius would let a socket change its caller.
    return JSON.stringify({ type: 'subscribe', id, payload: asked });
  }

  /** The message to send for one of Mercurius; null = none. */
  private outgoing(text: string): string | null {
    const type = /^\{"type":"(\w+)"/.exec(text)?.[1];
    if (type === 'connection_ack') this.isAcknowledged = true;
    // Not a message of the protocol, which refuses by closing.
    if (type === 'connection_error') return this.end(CLOSE.FORBIDDEN, 'Forbidden');
    if (type !== 'error' && type !== 'complete') return text;
    const message = JSON.parse(text) as { id: string; payload?: GraphQLFormattedError[] | null };
    this.ids.delete(message.id);
    return type === 'complete'
      ? text
      : JSON.stringify({ ...message, payload: (message.payload ?? []).map((error) => this.complete(error)) });
  }

  /** Adds the request's id to a problem. Any other error is logged and replaced, because its text may not leave. */
  private complete(error: GraphQLFormattedError): GraphQLFormattedError {
    const requestId = this.caller?.requestId ?? null;
    if (typeof error.extensions?.['code'] === 'string') return { ...error, extensions: { ...error.extensions, requestId } };
    log.error({ message: error.message, requestId });
    const unforeseen = new GraphQLError(error.message, { originalError: new Error(error.message) });
    return formatErrors({ errors: [unforeseen] }, requestId).response.errors[0] as GraphQLFormattedError;
  }
}
