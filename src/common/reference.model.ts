import { z } from 'zod';
import { id } from './model/fields.ts';
import { Model, Output } from './model/model.ts';

@Output('Another resource, by its id and name.')
export class Reference extends Model({ id, name: z.string() }) {}

@Output('Who asked for it.')
export class CreatedBy extends Model({
  keyId: z.uuid().nullable().describe("null = the operator's key."),
  name: z.string().describe('Name of the key.'),
  actor: z.string().nullable().describe('What the request called its user (`Slipway-Actor`); it is noted, never trusted.'),
}) {}
