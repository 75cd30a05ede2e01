import { Injectable } from '@nestjs/common';
import type { OnApplicationShutdown, OnModuleInit } from '@nestjs/common';
import { Waits } from '../platform/api/prefer-wait.ts';
import { Expiry } from '../platform/db/expiry.ts';
import type { Fault } from '../platform/fault.ts';
import { Announce } from '../platform/queue/announce.ts';
import type { TemplateDocument } from './core/document.ts';
import type { CheckPlace, RevisionCheck } from './revision-check.model.ts';
import { RevisionCheckRepository } from './revision-check.repository.ts';

declare module '../platform/queue/announce.ts' {
  interface Announcements {
    /** A check of a revision has been settled. */
    revision: { id: string };
  }
}

/** A revision that has been posted. */
export interface PostedRevision {
  id: string;
  templateId: string;
  document: TemplateDocument;
}

/** Where a request wants a revision to be checked; faults of it are reported at `place`. */
export interface NamedPlace extends CheckPlace {
  place: Pick<Fault, 'pointer' | 'parameter'>;
}

/** Starts the checks of a revision, in the transaction that posts it. */
type Start = (revision: PostedRevision, named: NamedPlace | null) => Promise<void>;

/** The dry runs of revisions. Which they are is known to whoever knows where workloads are placed, and adds it at start. */
@Injectable()
export class RevisionChecks implements OnModuleInit, OnApplicationShutdown {
  private begin: Start | null = null;
  private stopListening: (() => void) | null = null;

  constructor(
    private readonly checks: RevisionCheckRepository,
    private readonly announce: Announce,
    private readonly waits: Waits,
    expiry: Expiry,
  ) {
    expiry.add('checks of revisions', () => this.checks.expire());
    waits.add('revision', { settled: (ids) => this.checks.settledOf(ids), isTerminal: () => true });
  }

  onModuleInit(): void {
    this.stopListening = this.announce.subscribe((message) => {
      if (message.kind === 'revision') this.waits.look('revision', message.id);
    });
  }

  onApplicationShutdown(): void {
    this.stopListening?.();
  }

  /** Adds what starts them. */
  startedBy(start: Start): void {
    if (this.begin) throw new Error('the checks of revisions are started twice');
    this.begin = start;
  }

  /** Runs in the transaction that posts the revision; its older checks are replaced. */
  async start(revision: PostedRevision, named: NamedPlace | null): Promise<void> {
    if (!this.begin) throw new Error('nothing starts the checks of revisions');
    await this.begin(revision, named);
  }

  of(revisionIds: readonly string[]): Promise<Map<string, RevisionCheck[]>> {
    return this.checks.of(revisionIds);
  }
}
