import { z } from 'zod';
import { Enum } from '../platform/model/fields.ts';
import { Model, Output } from '../platform/model/model.ts';
import { Reference } from '../platform/model/reference.model.ts';
import { Role } from '../generated/prisma/enums.ts';
import { PodSecurity, Quotas } from '../tenants/tenant.model.ts';

export const CallerRole = Enum('CallerRole', { ...Role, OPERATOR: 'OPERATOR' } as const, 'The role of a key, or the operator.');

@Output("Current use of the tenant's quotas.")
export class Use extends Model({ clusters: z.int(), workloads: z.int(), concurrentTargets: z.int() }) {}

@Output('The caller.')
export class Me extends Model({
  tenant: Reference.schema.nullable().describe('null = the operator, acting for no tenant.'),
  key: Reference.schema.nullable().describe("null = the operator's key."),
  role: CallerRole,
  actor: z.string().nullable().describe('The user given by the request (`Slipway-Actor`).'),
  quotas: Quotas.schema.nullable(),
  podSecurity: PodSecurity.nullable().describe("What pods of the tenant's templates may do."),
  use: Use.schema.nullable(),
}) {}
