import { Statements } from '../platform/db/statements.ts';
import type { Limits } from './limits.ts';

/** What the JSON columns of these tables hold. */
export interface TenantColumns {
  tenants: { limits: Partial<Limits> };
}

export const tables = new Statements<TenantColumns>();
