import type { AnswerOf, Question } from '../../clusters/inquiries/question.ts';
import type { Lease } from '../../runtime/lease.ts';
import type { ClusterCheck } from './cluster-check.ts';

/** Is the cluster reachable, and may we do there what we need? */
export class CheckQuestion implements Question<'CHECK'> {
  readonly kind = 'CHECK';

  constructor(private readonly check: ClusterCheck) {}

  async answer({ clusterId }: { clusterId: string }, lease: Lease): Promise<AnswerOf<'CHECK'>> {
    const finding = await this.check.run(clusterId, lease);
    return { status: finding?.status ?? 'UNKNOWN' };
  }
}
