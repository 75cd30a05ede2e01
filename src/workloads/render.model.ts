import { z } from 'zod';
import { JsonObject, namespace, reference } from '../platform/model/fields.ts';
import { Input, Model, Output } from '../platform/model/model.ts';

@Input('Input for rendering a revision.')
export class RenderInput extends Model({
  values: JsonObject.optional().describe("Values of the template's parameters."),
  workload: reference('a workload')
    .optional()
    .describe('The workload whose name, id and values are used; default: a name derived from the template.'),
  namespace: namespace.optional().describe('default: `default`.'),
}) {}

@Output('The rendering of a revision.')
export class Rendered extends Model({
  objects: z.array(JsonObject).describe('The Kubernetes objects, in the order of their application.'),
  digest: z.string().describe('SHA-256 of the objects.'),
  replicas: z.int().describe("The template's number of pods."),
}) {}
