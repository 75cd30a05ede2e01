import { z } from 'zod';
import type { Rate } from '../platform/api/token-bucket.ts';

/** A tenant's limits, with the defaults for limits that its row does not have. */
export const limitsSchema = z.object({
  clusters: z.int().min(0).max(100_000).default(1_000),
  workloads: z.int().min(0).max(100_000).default(1_000),
  concurrentTargets: z.int().min(1).max(100_000).default(1_000),
  requestsPerSecond: z.int().min(1).max(100_000).default(50),
  requestBurst: z.int().min(1).max(1_000_000).default(200),
});

export type Limits = z.output<typeof limitsSchema>;

/** The stored limits, completed by defaults. */
export const limitsOf = (stored: unknown): Limits => limitsSchema.parse(stored ?? {});

export const DEFAULT_LIMITS: Limits = limitsSchema.parse({});

export function rateOf(stored: unknown): Rate {
  const { requestsPerSecond, requestBurst } = limitsOf(stored);
  return { perSecond: requestsPerSecond, burst: requestBurst };
}
