import { z } from 'zod';
import { id } from './fields.ts';
import { Model, Output } from './model.ts';

@Output('A reference to another resource.')
export class Reference extends Model({ id, name: z.string() }) {}

@Output('Who requested it.')
export class CreatedBy extends Model({
  keyId: z.uuid().nullable().describe("null = the operator's key."),
  name: z.string().describe('Name of the key.'),
  actor: z.string().nullable().describe('The user given by the request (`Slipway-Actor`); recorded, never trusted.'),
}) {}
