import { Injectable } from '@nestjs/common';
import { Announce } from '../platform/queue/announce.ts';
import { Database } from '../platform/db/database.ts';
import { checkVersion, type ExpectedVersions } from '../platform/api/etag.ts';
import { newId } from '../platform/id.ts';
import { type Page, pageOf, type Window } from '../platform/api/page.ts';
import { invalid, nameTaken, notFound } from '../platform/problem.ts';
import { Resources } from '../platform/api/resources.ts';
import type { Role } from '../generated/prisma/enums.ts';
import { type ApiKey, apiKeyOf, type CreateApiKey, type RotateApiKey } from './api-key.model.ts';
import { ApiKeyRepository, type ApiKeyRow } from './api-key.repository.ts';
import { digestOf, makeKey } from './key.ts';

/** A tenant's keys. A secret is generated, returned once and not stored. */
@Injectable()
export class ApiKeyService {
  constructor(
    private readonly database: Database,
    private readonly keys: ApiKeyRepository,
    private readonly announce: Announce,
    resources: Resources,
  ) {
    resources.add('apiKey', (id) => this.get(id));
  }

  async create({ name, role, expiresAt }: CreateApiKey): Promise<ApiKey> {
    return this.database.transaction(async () => {
      this.keys.holdName(name);
      const holder = await this.keys.find(name);
      if (holder && !isExpired(holder)) throw nameTaken('A key with this name exists.');
      return this.make(name, role, future(expiresAt));
    });
  }

  async get(reference: string): Promise<ApiKey> {
    return apiKeyOf(await this.row(reference));
  }

  async list(window: Window): Promise<Page<ApiKey>> {
    return pageOf(
      await this.keys.list(window),
      window.limit,
      (row) => row.id,
      (row) => apiKeyOf(row),
    );
  }

  /** Creates a new key with the same name and role. The old one ends at once, or after the overlap. */
  async rotate(reference: string, { overlapSeconds = 0, expiresAt }: RotateApiKey): Promise<ApiKey> {
    return this.database.transaction(async () => {
      const old = await this.row(reference);
      if (isExpired(old)) throw invalid({ parameter: 'key', detail: 'has expired: create a new one' });
      const expires = expiresAt === undefined ? old.expiresAt : future(expiresAt);
      this.keys.holdName(old.name);
      const made = await this.make(old.name, old.role, expires);
      if (overlapSeconds > 0) await this.keys.expire(old.id, new Date(Date.now() + overlapSeconds * 1000));
      else if (!(await this.keys.revoke(old.id))) throw notFound('API key', reference);
      this.tell(old.id);
      return made;
    });
  }

  async delete(reference: string, expected: ExpectedVersions): Promise<void> {
    return this.database.transaction(async () => {
      const row = await this.row(reference);
      checkVersion(row.version, expected);
      if (!(await this.keys.revoke(row.id))) throw notFound('API key', reference);
      this.tell(row.id);
    });
  }

  private async make(name: string, role: Role, expiresAt: Date | null): Promise<ApiKey> {
    const id = newId();
    const secret = makeKey(id);
    return apiKeyOf(await this.keys.create({ id, name, role, sha256: digestOf(secret), expiresAt }), secret);
  }

  private async row(reference: string): Promise<ApiKeyRow> {
    const row = await this.keys.find(reference);
    if (!row) throw notFound('API key', reference);
    return row;
  }

  private tell(id: string): void {
    this.database.afterCommit(() => this.announce.publish({ kind: 'key', id }));
  }
}

const isExpired = (row: ApiKeyRow): boolean => row.expiresAt !== null && row.expiresAt.getTime() <= Date.now();

function future(text: string | null | undefined): Date | null {
  if (text === null || text === undefined) return null;
  const time = new Date(text);
  if (time.getTime() <= Date.now()) throw invalid({ pointer: '/expiresAt', detail: 'must be in the future' });
  return time;
}
