import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Problem } from '../common/problem.ts';
import { TokenBuckets } from '../common/token-bucket.ts';
import type { Caller } from './authentication.ts';

/** How much a tenant may ask for, by whatever door: each has one bucket of tokens in this process. */
@Injectable()
export class Meter {
  private readonly buckets = new TokenBuckets();

  /** Takes tokens of the caller's tenant, and says in the answer, if there is one, how many are left. Throws RATE_LIMITED. */
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
