import type { Database } from '../../platform/db/database.ts';
import type { Announce } from '../../platform/queue/announce.ts';
import type { Lease } from '../../runtime/lease.ts';
import type { Reconciler } from '../../runtime/reconciler.ts';
import type { Work } from '../../runtime/work.ts';
import type { InquiryRepository } from './inquiry.repository.ts';
import type { AnswerTable, InputOf, Question, QuestionKind } from './question.ts';

const SLOTS = 200;
const BATCH = 20;
/** Of a tenant's inquiries, so many are answered at once by one worker. */
const SHARE = { tenant: 20, cluster: null, held: null };

/** Answers inquiries about clusters of the served regions, each by the question of its kind. */
export class InquiryReconciler implements Reconciler {
  readonly kind = 'inquiries';
  readonly scope = 'REGION';
  readonly slots = SLOTS;
  readonly held = SLOTS;
  readonly batch = BATCH;
  readonly share = SHARE;

  constructor(
    private readonly database: Database,
    private readonly inquiries: InquiryRepository,
    private readonly work: Work,
    private readonly announce: Announce,
    private readonly questions: AnswerTable,
  ) {}

  /** After an error of ours it is asked again, until it has expired. */
  async run(lease: Lease): Promise<null> {
    await this.database.as({ tenantId: lease.tenantId }, async () => {
      const asked = await this.inquiries.load(lease);
      if (!asked) return;
      const question = this.questionOf(asked.kind);
      const answer = await question.answer({ clusterId: asked.clusterId, input: asked.input as InputOf<QuestionKind> }, lease);
      await this.database.transaction(() => this.store(lease, answer));
    });
    return null;
  }

  /** @throws Error for a kind of a newer version; a worker of that version answers */
  private questionOf(kind: string): Question {
    const { questions } = this;
    if (!Object.hasOwn(questions, kind)) throw new Error(`this worker has no answer to an inquiry of kind ${kind}`);
    return questions[kind as QuestionKind];
  }

  private async store(lease: Lease, answer: object): Promise<void> {
    if (!(await this.inquiries.answer(lease, answer))) return;
    this.work.release(lease, null);
    this.database.afterCommit(() => this.announce.publish({ kind: 'inquiry', id: lease.id }));
  }
}
