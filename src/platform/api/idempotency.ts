import { createHash } from 'node:crypto';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { from, lastValueFrom, type Observable } from 'rxjs';
import { Answered, idOf, valueOf } from './answer.ts';
import { digestOf } from '../canonical-json.ts';
import { isRecord } from '../json.ts';
import { tenantId } from '../db/context.ts';
import { Database } from '../db/database.ts';
import { Expiry } from '../db/expiry.ts';
import { operationOf } from './operation.ts';
import { invalid, Problem } from '../problem.ts';
import { Resources } from './resources.ts';
import { routeOf } from './route.ts';

/** A request with an idempotency key: its identity, and the resource that it creates. */
interface Repeatable {
  key: string;
  fingerprint: string;
  resource: string;
  /** Status of success unless the answer has another. */
  status: number;
}

const KEPT_MILLISECONDS = 24 * 3600 * 1000;
const KEY = /^[\x21-\x7e]{1,255}$/;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** SHA-256 of the raw body, which the parsers store on the request. */
export const BODY_DIGEST = Symbol('body digest');

/** What says nothing: no input and one without fields are the same request. */
const isEmpty = (input: unknown): boolean => (input ?? null) === null || (isRecord(input) && Object.keys(input).length === 0);

function ofRequest(execution: ExecutionContext): Repeatable | null {
  const route = routeOf(execution.getHandler());
  const request = execution.switchToHttp().getRequest<FastifyRequest & { [BODY_DIGEST]?: string }>();
  const key = request.headers['idempotency-key'];
  if (!route || typeof key !== 'string' || typeof route.idempotent !== 'string') return null;
  if (!KEY.test(key)) throw invalid({ parameter: 'Idempotency-Key', detail: 'must be 1 to 255 visible ASCII characters' });
  const path = request.url.split('?')[0] ?? '';
  const digest = isEmpty(request.body) ? undefined : request[BODY_DIGEST];
  return {
    key,
    fingerprint: sha256(`${request.method} ${path} ${digest ?? sha256('')}`),
    resource: route.idempotent,
    status: route.status ?? 200,
  };
}

function ofMutation(execution: ExecutionContext): Repeatable | null {
  const operation = operationOf(execution.getHandler());
  if (!operation || typeof operation.idempotent !== 'string') return null;
  const { idempotencyKey: key, waitSeconds, ...rest } = execution.getArgs<[unknown, Record<string, unknown>]>()[1];
  void waitSeconds; // The wait is not part of the fingerprint, just as the `Prefer` header is not.
  if (typeof key !== 'string') return null;
  if (!KEY.test(key)) throw invalid({ parameter: 'idempotencyKey', detail: 'must be 1 to 255 visible ASCII characters' });
  return {
    key,
    // Not in the order given: a document that has been compiled has its arguments in another one.
    fingerprint: digestOf([execution.getHandler().name, Object.fromEntries(Object.entries(rest).filter(([, value]) => !isEmpty(value)))]),
    resource: operation.idempotent,
    status: 200,
  };
}

/** `Idempotency-Key`: the effect and its record commit together, because the service joins the transaction opened here. */
@Injectable()
export class Idempotency implements NestInterceptor {
  constructor(
    private readonly database: Database,
    private readonly resources: Resources,
    expiry: Expiry,
  ) {
    expiry.add('idempotency keys', () =>
      database.system.query("DELETE FROM idempotency_keys WHERE created_at < now() - interval '24 hours'"),
    );
  }

  intercept(execution: ExecutionContext, next: CallHandler): Observable<unknown> {
    const repeatable = execution.getType() === 'http' ? ofRequest(execution) : ofMutation(execution);
    return repeatable ? from(this.once(repeatable, () => lastValueFrom(next.handle()))) : next.handle();
  }

  private async once(asked: Repeatable, work: () => Promise<unknown>): Promise<unknown> {
    const outcome = await this.database.transaction(async () => {
      await this.lock(asked.key);
      const before = await this.database.rows.idempotencyKey.findUnique({
        where: { tenantId_key: { tenantId: tenantId(), key: asked.key } },
      });
      if (before && before.createdAt.getTime() > Date.now() - KEPT_MILLISECONDS) return { before };
      if (before) await this.database.rows.idempotencyKey.delete({ where: { tenantId_key: { tenantId: tenantId(), key: asked.key } } });
      const answer = await work();
      const status = (answer instanceof Answered ? answer.status : null) ?? asked.status;
      const { key, fingerprint, resource } = asked;
      await this.database.rows.idempotencyKey.create({
        data: { tenantId: tenantId(), key, fingerprint, resource, status, resourceId: idOf(valueOf(answer)) },
      });
      return { answer };
    });
    if ('answer' in outcome) return outcome.answer;
    const { fingerprint, status, resource, resourceId } = outcome.before;
    if (fingerprint !== asked.fingerprint) throw new Problem('KEY_REUSED', 'This idempotency key was used for another request.');
    const value = resourceId === null ? null : await this.readAgain(resource, resourceId);
    return new Answered(value, status, { 'idempotency-replayed': 'true' });
  }

  /** The resource was created but has since been deleted: 410, not 404. */
  private async readAgain(resource: string, id: string): Promise<unknown> {
    try {
      return await this.resources.read(resource, id);
    } catch (error) {
      if (!(error instanceof Problem) || error.code !== 'NOT_FOUND') throw error;
      throw new Problem('EXPIRED', 'The resource that this request created has been deleted. Use a new idempotency key to create another.');
    }
  }

  private async lock(key: string): Promise<void> {
    const text = 'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 7)) AS locked';
    const [row] = await this.database.query<{ locked: boolean }>(text, [`${tenantId()} ${key}`]);
    if (!row?.locked) throw new Problem('IN_PROGRESS', 'Another request with this idempotency key is still running.', [], 1);
  }
}
