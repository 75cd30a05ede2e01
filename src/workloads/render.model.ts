import { z } from 'zod';
import { JsonObject, reference } from '../common/model/fields.ts';
import { Input, Model, Output } from '../common/model/model.ts';
import { namespace } from './workload.model.ts';

@Input('With what a revision is rendered.')
export class RenderInput extends Model({
  values: JsonObject.optional().describe("Values of the template's parameters."),
  workload: reference('a workload')
    .optional()
    .describe('Whose name, id and values the rendering takes; default: a name made of the template.'),
  namespace: namespace.optional().describe('default: `default`.'),
}) {}

@Output('What a revision renders to.')
export class Rendered extends Model({
  objects: z.array(JsonObject).describe('The Kubernetes objects in the order in which they are applied.'),
  digest: z.string().describe('SHA-256 of the objects.'),
  replicas: z.int().describe('Pods that the template asks for.'),
}) {}
