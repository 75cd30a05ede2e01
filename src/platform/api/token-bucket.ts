/** How fast a bucket fills, and its capacity in tokens. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** State of a bucket after a request. */
export interface Taken {
  allowed: boolean;
  remaining: number;
  /** Seconds until the request would be allowed, or until the bucket is full. */
  resetSeconds: number;
}

interface Bucket {
  tokens: number;
  /** Monotonic milliseconds. */
  at: number;
}

const FORGET_ABOVE = 10_000;

/** Token buckets by key, in this process. The caller passes the time, in monotonic milliseconds. */
export class TokenBuckets {
  private readonly buckets = new Map<string, Bucket>();

  /** A request that costs more than the bucket holds takes all of it. */
  take(key: string, rate: Rate, price: number, now: number): Taken {
    const cost = Math.min(price, rate.burst);
    const bucket = this.buckets.get(key) ?? { tokens: rate.burst, at: now };
    const tokens = Math.min(rate.burst, bucket.tokens + (Math.max(0, now - bucket.at) / 1000) * rate.perSecond);
    const allowed = tokens >= cost;
    const left = allowed ? tokens - cost : tokens;
    // Deleting and setting keeps the map in order of use. The least recently used bucket is dropped first; it is most likely full.
    this.buckets.delete(key);
    this.buckets.set(key, { tokens: left, at: now });
    if (this.buckets.size > FORGET_ABOVE) this.buckets.delete(this.buckets.keys().next().value as string);
    const missing = allowed ? rate.burst - left : cost - left;
    return { allowed, remaining: Math.floor(left), resetSeconds: Math.ceil(missing / rate.perSecond) };
  }

  /** Puts back tokens that were taken in advance. */
  giveBack(key: string, tokens: number): void {
    const bucket = this.buckets.get(key);
    if (bucket) bucket.tokens += tokens;
  }
}
