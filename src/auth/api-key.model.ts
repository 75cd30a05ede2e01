import { z } from 'zod';
import { Enum, givenTime, name, resource, time } from '../common/model/fields.ts';
import { Input, Model, Output } from '../common/model/model.ts';
import { Role as Roles } from '../generated/prisma/enums.ts';
import type { ApiKeyRow } from './api-key.repository.ts';

export const Role = Enum(
  'Role',
  Roles,
  'What a key may do: VIEWER reads, DEPLOYER also rolls out, ADMIN does everything within its tenant.',
);

@Output('A key to the API, without its secret but for the one answer that makes it.')
export class ApiKey extends Model({
  ...resource,
  name,
  role: Role,
  expiresAt: time.nullable().describe('When it stops to be valid; null = never.'),
  secret: z.string().nullable().describe('The key itself: only in the answer that makes it, null ever after.'),
}) {}

@Input('What a new key needs.')
export class CreateApiKey extends Model({
  name,
  role: Role,
  expiresAt: givenTime.nullish().describe('When it stops to be valid; null = never.'),
}) {}

@Input('How a key is replaced.')
export class RotateApiKey extends Model({
  overlapSeconds: z
    .int()
    .min(0)
    .max(604_800)
    .optional()
    .describe('How long the old key stays valid beside the new one; 0 unless said otherwise.'),
  expiresAt: givenTime.nullish().describe('When the new key stops to be valid; null = never. As the old one unless said otherwise.'),
}) {}

export const apiKeyOf = (row: ApiKeyRow, secret: string | null = null): ApiKey => ({
  id: row.id,
  name: row.name,
  role: row.role,
  expiresAt: row.expiresAt,
  secret,
  version: row.version,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});
