import { Statements } from '../platform/db/statements.ts';
import type { CreatedBy } from '../platform/model/reference.model.ts';
import type { CheckFinding } from './core/finding.ts';
import type { TemplateDocument } from './core/document.ts';

/** What the JSON columns of these tables hold. */
export interface TemplateColumns {
  revision_checks: { values: Readonly<Record<string, unknown>>; findings: readonly CheckFinding[] };
  revisions: { document: TemplateDocument; created_by: CreatedBy };
}

export const tables = new Statements<TemplateColumns>();
