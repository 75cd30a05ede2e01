import { Injectable } from '@nestjs/common';

export interface Findings {
  ready: boolean;
  /** Check -> `ok`, or the fault as public text. */
  checks: Record<string, string>;
}

const PATIENCE_MILLISECONDS = 2_000;

/** Whether this process can do its work. Each part that it needs adds a check. */
@Injectable()
export class Health {
  private readonly checks = new Map<string, () => Promise<void>>();
  private stopping = false;

  get isStopping(): boolean {
    return this.stopping;
  }

  add(name: string, check: () => Promise<void>): void {
    this.checks.set(name, check);
  }

  /** From now on not ready, so that load balancers use other processes while running requests are answered. */
  beforeApplicationShutdown(): void {
    this.stopping = true;
  }

  async findings(): Promise<Findings> {
    const results = await Promise.all([...this.checks].map(async ([name, check]) => [name, await outcome(check)] as const));
    const checks = Object.fromEntries([...results, ...(this.stopping ? [['process', 'is stopping'] as const] : [])]);
    return { ready: Object.values(checks).every((text) => text === 'ok'), checks };
  }
}

async function outcome(check: () => Promise<void>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => (timer = setTimeout(() => resolve('does not answer'), PATIENCE_MILLISECONDS)));
  const checked = check().then(
    () => 'ok',
    () => 'does not answer',
  );
  return Promise.race([checked, late]).finally(() => clearTimeout(timer));
}
