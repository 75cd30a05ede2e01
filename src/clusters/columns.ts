import { Statements } from '../platform/db/statements.ts';
import type { Access } from './core/access.ts';

/** What the JSON columns of these tables hold. */
export interface ClusterColumns {
  clusters: { labels: Record<string, string>; missing_permissions: (Access & { namespace: string })[] };
}

export const tables = new Statements<ClusterColumns>();
