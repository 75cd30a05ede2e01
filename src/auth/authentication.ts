import { isUtf8 } from 'node:buffer';
import { createHash, timingSafeEqual } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG } from '../platform/settings.ts';
import { type Context, NO_TENANT } from '../platform/db/context.ts';
import { canonical } from '../platform/id.ts';
import { invalid, Problem } from '../platform/problem.ts';
import type { Rate } from '../platform/api/token-bucket.ts';
import { DEFAULT_LIMITS, rateOf } from '../tenants/limits.ts';
import { TenantRepository } from '../tenants/tenant.repository.ts';
import { KeyRing } from './key-ring.ts';

/** The claims of a request or a socket about its caller. */
export interface Claims {
  authorization: string | undefined;
  /** `Slipway-Tenant`. */
  tenant: string | undefined;
  /** Where it comes from. */
  address: string;
}

/** What of the configuration identifies the operator. */
export interface OperatorSettings {
  /** null = this process has no operator's key (workers). */
  operatorKey: string | null;
}

export interface Caller extends Context {
  rate: Rate;
  /** Thrown after the request has been counted; null = not refused. */
  refusal: Problem | null;
}

const BEARER = /^Bearer +([\x21-\x7e]{1,300}) *$/i;
const LONGEST_ACTOR = 200;
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Identifies the caller: a tenant's key, or the operator's key, which acts for any tenant it names. */
@Injectable()
export class Authentication {
  private readonly operator: Buffer | null;

  constructor(
    @Inject(CONFIG) config: OperatorSettings,
    private readonly keys: KeyRing,
    private readonly tenants: TenantRepository,
  ) {
    this.operator = config.operatorKey === null ? null : sha256(config.operatorKey);
  }

  /** The caller; without a tenant if the operator names none. Throws UNAUTHENTICATED, or INVALID if the operator names an unknown one. */
  async caller(claims: Claims, requestId: string | null): Promise<Caller> {
    const key = BEARER.exec(claims.authorization ?? '')?.[1];
    if (key === undefined) throw new Problem('UNAUTHENTICATED', 'A key is required: Authorization: Bearer slp_...');
    if (this.isOperator(key)) return this.asOperator(claims, requestId);
    const found = await this.keys.find(key, claims.address);
    if (!found) throw new Problem('UNAUTHENTICATED', 'The key is not valid: unknown, expired or revoked.');
    const { tenantId, tenantName, rate, role, id, name } = found;
    const isOther = claims.tenant !== undefined && ![tenantId, tenantName].includes(canonical(claims.tenant));
    const faults = [{ parameter: 'Slipway-Tenant', detail: "is not the key's tenant" }];
    const refusal = isOther ? new Problem('FORBIDDEN', "The key is not this tenant's.", faults) : null;
    return { tenantId, role, requestId, rate, author: { keyId: id, name, actor: null }, refusal };
  }

  /** Compares digests of equal length in constant time, so that timing reveals nothing about the key. */
  private isOperator(key: string): boolean {
    return this.operator !== null && timingSafeEqual(sha256(key), this.operator);
  }

  private async asOperator({ tenant }: Claims, requestId: string | null): Promise<Caller> {
    const operator = { role: 'OPERATOR', requestId, author: { keyId: null, name: 'operator', actor: null }, refusal: null } as const;
    if (tenant === undefined) return { ...operator, tenantId: NO_TENANT, rate: rateOf(DEFAULT_LIMITS) };
    const found = await this.tenants.findSummary(tenant);
    if (!found) throw invalid({ parameter: 'Slipway-Tenant', detail: 'is not a known tenant' });
    return { ...operator, tenantId: found.id, rate: rateOf(found.limits) };
  }
}

/** `Slipway-Actor`, decoded as UTF-8, because headers are bytes. Throws INVALID if it is too long or not printable. */
export function actorOf(header: string | undefined): string | null {
  if (header === undefined || header === '') return null;
  const bytes = Buffer.from(header, 'latin1');
  if (!isUtf8(bytes)) throw invalid({ parameter: 'Slipway-Actor', detail: 'must be UTF-8' });
  const text = bytes.toString('utf8');
  // eslint-disable-next-line no-control-regex -- refusing them is the point
  if ([...text].length > LONGEST_ACTOR || /[\u0000-\u001f\u007f]/.test(text))
    throw invalid({ parameter: 'Slipway-Actor', detail: `must be at most ${LONGEST_ACTOR} printable characters` });
  return text;
}
