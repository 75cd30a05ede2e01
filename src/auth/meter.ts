import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Problem } from '../platform/problem.ts';
import { TokenBuckets } from '../platform/api/token-bucket.ts';
import type { Caller } from './authentication.ts';

/** Rate limit of a tenant over REST, GraphQL and sockets: one bucket of tokens for each tenant in this process. */
@Injectable()
export class Meter {
  private readonly buckets = new TokenBuckets();

  /** Takes tokens from the bucket of the caller's tenant, and sets the rate headers of `reply`. Throws RATE_LIMITED. */
  take({ tenantId, rate }: Pick<Caller, 'tenantId' | 'rate'>, cost: number, reply: FastifyReply | null): void {
    const taken = this.buckets.take(tenantId, rate, cost, performance.now());
    reply?.headers({
      'ratelimit-limit': String(rate.burst),
      'ratelimit-remaining': String(taken.remaining),
      'ratelimit-reset': String(taken.resetSeconds),
      'ratelimit-policy': `${rate.burst};w=${Math.ceil(rate.burst / rate.perSecond)}`,
    });
    if (!taken.allowed) throw new Problem('RATE_LIMITED', `More than ${rate.perSecond} requests a second.`, [], taken.resetSeconds);
  }
}
