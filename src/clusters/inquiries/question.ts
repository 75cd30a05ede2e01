import type { Lease } from '../../runtime/lease.ts';

/**
 * What the API can ask a worker of a cluster's region: a kind, what is given with it, and what is answered. All of it is stored as JSON. Kinds are added by
 * declaration:
 *
 *     declare module '../../clusters/inquiries/question.ts' {
 *       interface Questions { CHECK: { input: Record<string, never>; answer: { status: string } } }
 *     }
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Questions {}

export type QuestionKind = keyof Questions;
export type InputOf<K extends QuestionKind> = Questions[K]['input'];
export type AnswerOf<K extends QuestionKind> = Questions[K]['answer'];

/** An answerer for each kind of question that is declared: a kind without one does not compile. */
export type AnswerTable = { readonly [K in QuestionKind]: Question<K> };

/** Answers one kind of question, in a worker. It may be asked the same again, after a worker's death. */
export interface Question<K extends QuestionKind = QuestionKind> {
  readonly kind: K;
  /** @param lease under which requests are made to the cluster */
  answer(asked: { clusterId: string; input: InputOf<K> }, lease: Lease): Promise<AnswerOf<K>>;
}
