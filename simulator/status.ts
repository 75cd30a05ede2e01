/** The API server's errors: each is a `Status` object with its code. */
import { qualifiedName } from './resources.ts';
import type { Resource } from './resources.ts';

export interface StatusCause {
  reason?: string;
  message: string;
  field?: string;
}

export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

export interface StatusBody {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: Record<string, never>;
  status: 'Success' | 'Failure';
  message?: string;
  reason?: string;
  details?: StatusDetails;
  code: number;
}

export class StatusError extends Error {
  readonly body: StatusBody;
  constructor(code: number, reason: string | undefined, message: string, details?: StatusDetails) {
    super(message);
    this.body = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason === undefined ? {} : { reason }),
      ...(details ? { details } : {}),
      code,
    };
  }
}

type Named = Pick<Resource, 'group' | 'plural'>;

const detailsOf = (resource: Named, name: string): StatusDetails => ({
  ...(name === '' ? {} : { name }),
  ...(resource.group === '' ? {} : { group: resource.group }),
  kind: resource.plural,
});

export const notFound = (resource: Named, name: string): StatusError =>
  new StatusError(404, 'NotFound', `${qualifiedName(resource)} "${name}" not found`, detailsOf(resource, name));

export const noSuchPath = (): StatusError => new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});

export const alreadyExists = (resource: Named, name: string): StatusError =>
  new StatusError(409, 'AlreadyExists', `${qualifiedName(resource)} "${name}" already exists`, detailsOf(resource, name));

export const conflict = (resource: Named, name: string, why: string): StatusError =>
  new StatusError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedName(resource)} "${name}": ${why}`,
    detailsOf(resource, name),
  );

export const modified = (resource: Named, name: string): StatusError =>
  conflict(resource, name, 'the object has been modified; please apply your changes to the latest version and try again');

export const applyConflict = (message: string, causes: StatusCause[]): StatusError => new StatusError(409, 'Conflict', message, { causes });

export const forbidden = (resource: Named, name: string, why: string): StatusError =>
  new StatusError(
    403,
    'Forbidden',
    `${qualifiedName(resource)}${name === '' ? '' : ` "${name}"`} is forbidden: ${why}`,
    detailsOf(resource, name),
  );

export const badRequest = (message: string): StatusError => new StatusError(400, 'BadRequest', message);

export const unauthorized = (): StatusError => new StatusError(401, 'Unauthorized', 'Unauthorized');

export const internal = (message: string): StatusError => new StatusError(500, 'InternalError', message);

/** An error that the API server passes on unchanged: a 500 without a reason. */
export const unexpected = (message: string): StatusError => new StatusError(500, undefined, message);

export const expired = (message: string): StatusError => new StatusError(410, 'Expired', message);

export const notAllowed = (): StatusError =>
  new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});

export const unsupportedMediaType = (): StatusError => new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});

/** A validation error of a field, with the API server's text. */
export interface FieldError {
  reason:
    | 'FieldValueInvalid'
    | 'FieldValueRequired'
    | 'FieldValueForbidden'
    | 'FieldValueNotSupported'
    | 'FieldValueDuplicate'
    | 'FieldValueNotFound'
    | 'FieldValueTooLong';
  field: string;
  message: string;
}

export const invalidValue = (field: string, value: unknown, why: string): FieldError => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
});

export const requiredValue = (field: string, why = ''): FieldError => ({
  reason: 'FieldValueRequired',
  field,
  message: why === '' ? 'Required value' : `Required value: ${why}`,
});

export const forbiddenValue = (field: string, why: string): FieldError => ({
  reason: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${why}`,
});

export function invalid(resource: Pick<Resource, 'group' | 'kind'>, name: string, errors: FieldError[]): StatusError {
  const texts = errors.map((error) => `${error.field}: ${error.message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  const kind = resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`;
  return new StatusError(422, 'Invalid', `${kind} "${name}" is invalid: ${list}`, {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.kind,
    causes: errors.map((error) => ({ reason: error.reason, message: error.message, field: error.field })),
  });
}
