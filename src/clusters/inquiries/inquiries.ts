import { Injectable } from '@nestjs/common';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { Waits } from '../../platform/api/prefer-wait.ts';
import { currentContext } from '../../platform/db/context.ts';
import { Expiry } from '../../platform/db/expiry.ts';
import { Database } from '../../platform/db/database.ts';
import { newId } from '../../platform/id.ts';
import { Announce } from '../../platform/queue/announce.ts';
import { Work } from '../../runtime/work.ts';
import { InquiryRepository } from './inquiry.repository.ts';
import type { AnswerOf, InputOf, QuestionKind } from './question.ts';

declare module '../../runtime/kinds.ts' {
  interface WorkKinds {
    /** What the API asks about a cluster. */
    inquiries: 'REGION';
  }
}

declare module '../../platform/queue/announce.ts' {
  interface Announcements {
    /** An inquiry has been answered. */
    inquiry: { id: string };
  }
}

/**
 * What came of an inquiry: the answer, or why there is none. UNSERVED: no worker of the cluster's region holds anything, and so none is there. LATE: it is still being
 * looked for, has to wait for its turn, or the process that asked is stopping.
 */
export type Outcome<K extends QuestionKind> = { answer: AnswerOf<K> } | { answer: null; reason: 'UNSERVED' | 'LATE'; askedAt: Date };

/** Asks workers: the API never connects to a cluster. A worker of the cluster's region answers, and the API waits for it as `Prefer: wait` does. */
@Injectable()
export class Inquiries implements OnModuleInit, OnApplicationShutdown {
  private stopListening: (() => void) | null = null;

  constructor(
    private readonly database: Database,
    private readonly inquiries: InquiryRepository,
    private readonly work: Work,
    private readonly announce: Announce,
    private readonly waits: Waits,
    expiry: Expiry,
  ) {
    expiry.add('inquiries', () => this.inquiries.expire());
    waits.add('inquiry', { settled: (ids) => this.inquiries.answeredOf(ids), isTerminal: () => true });
  }

  onModuleInit(): void {
    this.stopListening = this.announce.subscribe((message) => {
      if (message.kind === 'inquiry') this.waits.look('inquiry', message.id);
    });
  }

  onApplicationShutdown(): void {
    this.stopListening?.();
  }

  /** Asks in the open transaction, without waiting: whoever answers tells in a way of its own. */
  start<K extends QuestionKind>(id: string, cluster: { id: string; regionId: string }, kind: K, input: InputOf<K>): void {
    this.inquiries.create({ id, clusterId: cluster.id, kind, input });
    this.work.due('inquiries', [{ id, regionId: cluster.regionId, clusterId: cluster.id }]);
  }

  /** Asks, and waits for the answer for at most so many seconds, or until the process stops. */
  async ask<K extends QuestionKind>(
    cluster: { id: string; regionId: string },
    kind: K,
    input: InputOf<K>,
    seconds: number,
  ): Promise<Outcome<K>> {
    if (currentContext().transaction) throw new Error('an inquiry is asked outside transactions: no worker would see it before the commit');
    const id = newId();
    const began = performance.now();
    await this.database.transaction(async () => this.start(id, cluster, kind, input));
    await this.waits.until('inquiry', id, seconds);
    const found = await this.inquiries.find(id);
    if (!found) throw new Error(`inquiry ${id} has disappeared while it was awaited`);
    if (found.isAnswered) return { answer: found.answer as AnswerOf<K> };
    const waited = performance.now() - began >= seconds * 1000;
    const isUnserved = waited && !(await this.inquiries.isServed(cluster.regionId));
    return { answer: null, reason: isUnserved ? 'UNSERVED' : 'LATE', askedAt: found.askedAt };
  }
}
