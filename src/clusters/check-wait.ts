import { Injectable } from '@nestjs/common';
import type { ClusterStatus } from '../generated/prisma/enums.ts';
import type { Cluster } from './cluster.model.ts';
import { ClusterService } from './cluster.service.ts';
import { Inquiries } from './inquiries/inquiries.ts';

declare module './inquiries/question.ts' {
  interface Questions {
    /** Is the cluster reachable, and may we do there what we need? The whole finding is with the cluster. */
    CHECK: { input: Record<string, never>; answer: { status: ClusterStatus } };
  }
}

/** A check answers within 10 s, its own reads and the way back included. */
const PATIENCE_SECONDS = 9.5;

/** `/check`: a worker of the region does it, and this waits for its result. */
@Injectable()
export class CheckWait {
  constructor(
    private readonly clusters: ClusterService,
    private readonly inquiries: Inquiries,
  ) {}

  /** The cluster after the check; if no worker did it in time, the cluster as it was, with the reason. */
  async check(reference: string, patienceSeconds = PATIENCE_SECONDS): Promise<Cluster> {
    const row = await this.clusters.row(reference);
    const outcome = await this.inquiries.ask(row, 'CHECK', {}, patienceSeconds);
    if (outcome.answer === null && outcome.reason === 'UNSERVED') await this.clusters.noteUnserved(row, outcome.askedAt);
    return this.clusters.get(row.id);
  }
}
