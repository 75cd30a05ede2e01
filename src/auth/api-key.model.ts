import { z } from 'zod';
import { Enum, givenTime, name, resource, time } from '../platform/model/fields.ts';
import { Input, Model, Output } from '../platform/model/model.ts';
import { Role as Roles } from '../generated/prisma/enums.ts';
import type { ApiKeyRow } from './api-key.repository.ts';

export const Role = Enum(
  'Role',
  Roles,
  'What a key may do: VIEWER reads, DEPLOYER also rolls out, ADMIN does everything within its tenant.',
);

@Output('An API key. Its secret is returned only when it is created.')
export class ApiKey extends Model({
  ...resource,
  name,
  role: Role,
  expiresAt: time.nullable().describe('When it expires; null = never.'),
  secret: z.string().nullable().describe('The key itself, only in the response that creates it; null afterwards.'),
}) {}

@Input('A new key.')
export class CreateApiKey extends Model({
  name,
  role: Role,
  expiresAt: givenTime.nullish().describe('When it expires; null = never.'),
}) {}

@Input('How a key is replaced.')
export class RotateApiKey extends Model({
  overlapSeconds: z
    .int()
    .min(0)
    .max(604_800)
    .optional()
    .describe('How long the old key stays valid alongside the new one, in seconds; default 0.'),
  expiresAt: givenTime.nullish().describe('When the new key expires; null = never. Default: as the old one.'),
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
