import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Announce } from '../platform/queue/announce.ts';
import type { Context } from '../platform/db/context.ts';
import { CONFIG } from '../platform/settings.ts';
import type { PlatformSettings } from '../platform/settings.ts';
import type { Callers } from '../platform/graphql/module.ts';
import { newId } from '../platform/id.ts';
import { Problem } from '../platform/problem.ts';
import { isTenantless } from './actions.ts';
import { Authentication, type Caller } from './authentication.ts';
import { callerOf } from './hooks.ts';
import { KeyRing } from './key-ring.ts';
import { Meter } from './meter.ts';

const REVIEW_MILLISECONDS = 4_000;
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The callers of GraphQL, and whether their keys are still valid. */
@Injectable()
export class KeyCallers implements Callers {
  constructor(
    @Inject(CONFIG) private readonly config: PlatformSettings,
    private readonly authentication: Authentication,
    private readonly keys: KeyRing,
    private readonly announce: Announce,
    private readonly meter: Meter,
  ) {}

  ofRequest(request: FastifyRequest): Context {
    const caller = callerOf(request);
    if (!caller) throw new Problem('UNAUTHENTICATED', 'A key is required.');
    return caller;
  }

  async ofSocket(first: { authorization?: unknown; slipwayTenant?: unknown }, address: string): Promise<Context> {
    const claims = { authorization: text(first.authorization), tenant: text(first.slipwayTenant), address };
    const caller = await this.authentication.caller(claims, newId());
    this.take(caller, 1, null);
    if (caller.refusal) throw caller.refusal;
    return caller;
  }

  take(caller: Context, cost: number, reply: FastifyReply | null): void {
    // Whoever GraphQL knows as a caller was named by one of the two methods above.
    if (cost > 0) this.meter.take(caller as Caller, cost, reply);
  }

  /** Calls `end` once the key is revoked or expired. Checks at its announcement and every few seconds. Returns the function that stops watching. */
  watch(caller: Context, end: () => void): () => void {
    const { keyId } = caller.author;
    if (keyId === null) return () => undefined;
    const review = (): void =>
      void this.keys.isAlive(keyId).then(
        (alive) => (alive ? undefined : over()),
        () => undefined,
      );
    const timer = setInterval(review, REVIEW_MILLISECONDS).unref();
    const unsubscribe = this.announce.subscribe((message) => {
      if (message.kind === 'key' && message.id === keyId) review();
    });
    const stop = (): void => {
      clearInterval(timer);
      unsubscribe();
    };
    const over = (): void => {
      stop();
      end();
    };
    return stop;
  }

  isTenantless(action: string): boolean {
    return isTenantless(action);
  }

  /** Only browsers send an origin. */
  isOrigin(origin: string | undefined, host: string | undefined): boolean {
    if (origin === undefined || this.config.corsOrigins.includes(origin)) return true;
    return URL.canParse(origin) && new URL(origin).host === host;
  }
}
