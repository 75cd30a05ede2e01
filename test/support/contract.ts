import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv';

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, { $ref?: string; content?: Record<string, { schema: object }> }> }>>;
  components: { schemas: Record<string, object>; responses: Record<string, { content: Record<string, { schema: object }> }> };
}

interface Contract {
  document: Document;
  ajv: Ajv2020;
  validators: Map<string, ValidateFunction>;
}

const contracts = new Map<string, Promise<Contract>>();
/** By the document's text: many APIs serve the same one, and most of the work is compiling it. */
const compiled = new Map<string, Contract>();

async function load(url: string): Promise<Contract> {
  const text = await (await fetch(`${url}/openapi.json`)).text();
  const known = compiled.get(text);
  if (known) return known;
  const document = JSON.parse(text) as Document;
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'openapi');
  const contract = { document, ajv, validators: new Map<string, ValidateFunction>() };
  compiled.set(text, contract);
  return contract;
}

const matches = (template: string, path: string): boolean => {
  const [wanted, given] = [template.split('/'), path.split('/')];
  return wanted.length === given.length && wanted.every((part, index) => part.startsWith('{') || part === given[index]);
};

/** Pointer to the schema of an answer in the document; null if the answer has no body. */
function schemaPointer(document: Document, method: string, path: string, status: number, type: string): string | null {
  const template = Object.keys(document.paths).find(
    (candidate) => matches(candidate, path) && document.paths[candidate]?.[method.toLowerCase()],
  );
  if (template === undefined) return null;
  const responses = document.paths[template]?.[method.toLowerCase()]?.responses ?? {};
  const escaped = template.replaceAll('/', '~1');
  const key = status < 400 ? String(status) : 'default';
  const response = responses[key];
  if (!response) throw new Error(`${method} ${template} answered ${status}, which openapi.json does not know`);
  if (response.$ref) return `${response.$ref}/content/${type.replaceAll('/', '~1')}/schema`;
  if (!response.content) return null;
  if (!response.content[type]) throw new Error(`${method} ${template} answered ${type}, which openapi.json does not know`);
  return `#/paths/${escaped}/${method.toLowerCase()}/responses/${key}/content/${type.replaceAll('/', '~1')}/schema`;
}

/** Throws unless an answer matches the served OpenAPI document, with no field more or less. */
export async function conforms(
  url: string,
  method: string,
  path: string,
  answer: { status: number; headers: Headers; body: unknown; text: string },
): Promise<void> {
  const [bare = ''] = path.split('?');
  if (!bare.startsWith('/v1/')) return;
  if (!contracts.has(url)) contracts.set(url, load(url));
  const { document, ajv, validators } = (await contracts.get(url)) as Contract;
  const type = (answer.headers.get('content-type') ?? '').split(';')[0] ?? '';
  const pointer = schemaPointer(document, method, bare, answer.status, type);
  if (pointer === null || !type.includes('json')) return;
  const encoded = `openapi${encodeURI(pointer)}`;
  const validate = validators.get(encoded) ?? ajv.compile({ $ref: encoded });
  validators.set(encoded, validate);
  if (!validate(answer.body))
    throw new Error(
      `${method} ${path} does not answer as openapi.json says: ${ajv.errorsText(validate.errors)} in ${answer.text.slice(0, 2000)}`,
    );
}
