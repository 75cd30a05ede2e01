/** Rules for names, labels and their keys, with the API server's texts. */
import type { StringMap } from '../objects.ts';
import { invalidValue } from '../status.ts';
import type { FieldError } from '../status.ts';

export const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
export const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelValue = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const keyName = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

export const subdomainText =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
export const labelText =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const labelValueText =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const keyText =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

/** Why a text is not a label value; undefined if it is. */
export function labelValueFault(value: string): string | undefined {
  if (value.length > 63) return 'must be no more than 63 bytes';
  return labelValue.test(value) ? undefined : labelValueText;
}

/** Why a text is not a label key; undefined if it is. */
export function labelKeyFault(key: string): string | undefined {
  const [name = '', prefix, ...more] = key.split('/').reverse();
  if (more.length > 0) return `a valid label key ${keyText} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`;
  if (prefix === '') return 'prefix part must be non-empty';
  if (prefix !== undefined && !subdomain.test(prefix)) return `prefix part ${subdomainText}`;
  if (name === '') return 'name part must be non-empty';
  if (name.length > 63) return 'name part must be no more than 63 bytes';
  return keyName.test(name) ? undefined : `name part ${keyText}`;
}

export const duplicate = (field: string, value: string): FieldError => ({
  reason: 'FieldValueDuplicate',
  field,
  message: `Duplicate value: ${JSON.stringify(value)}`,
});

const because = (field: string, value: string, why: string | undefined): FieldError[] =>
  why === undefined ? [] : [invalidValue(field, value, why)];

export const labelsErrors = (labels: StringMap, field: string): FieldError[] =>
  Object.entries(labels).flatMap(([key, value]) => [
    ...because(field, key, labelKeyFault(key)),
    ...because(field, value, labelValueFault(value)),
  ]);

/** Keys that are none, and more than is stored with one object, keys and values together. */
export function annotationErrors(annotations: StringMap, field: string): FieldError[] {
  const keys = Object.keys(annotations).flatMap((key) => because(field, key, labelKeyFault(key.toLowerCase())));
  const bytes = Buffer.byteLength(Object.entries(annotations).flat().join(''));
  return bytes > 262_144 ? [...keys, { reason: 'FieldValueTooLong', field, message: 'Too long: may not be more than 262144 bytes' }] : keys;
}
