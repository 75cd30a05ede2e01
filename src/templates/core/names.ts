import { listOf, objectOf } from './json.ts';

/** Rules of Kubernetes for names: RFC 1123 labels and subdomains, label keys and values, port names (RFC 6335), names of environment variables. */

const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

/** At most 63 lower-case letters, digits and "-": containers, volumes. */
export const isDnsLabel = (name: string): boolean => name.length <= 63 && DNS_LABEL.test(name);

/** The key of a label or annotation: an optional DNS subdomain and "/", then a name of at most 63 characters. */
export function isQualifiedName(key: string): boolean {
  const [name, prefix, ...more] = key.split('/').reverse();
  if (more.length || name === undefined || name.length > 63 || !NAME_PART.test(name)) return false;
  return prefix === undefined || (prefix.length <= 253 && DNS_SUBDOMAIN.test(prefix));
}

/** The value of a label: empty, or at most 63 letters, digits, "-", "_" and ".". */
export const isLabelValue = (value: string): boolean => value.length <= 63 && LABEL_VALUE.test(value);

/** The name of a port: at most 15 lower-case letters, digits and "-", at least one of them a letter, no two "-" in a row. */
export const isPortName = (name: string): boolean =>
  name.length <= 15 && DNS_LABEL.test(name) && /[a-z]/.test(name) && !name.includes('--');

/** The name of an environment variable: printable ASCII without "=". */
export const isVariableName = (name: string): boolean => /^[\x20-\x3c\x3e-\x7e]+$/.test(name);

/** Labels and annotations with this prefix are reserved for Slipway. */
export const OUR_PREFIX = 'slipway.dev/';

/** False for a number that is not a valid port. True for anything but a number, such as a port's name. */
export const isPort = (port: unknown): boolean => typeof port !== 'number' || (port >= 1 && port <= 65_535);

/** The names to which something can refer; null if one is not known yet. Then no reference is reported as missing. */
export type KnownNames = ReadonlySet<unknown> | null;

/** The names of a list's entries. */
export function knownNames(list: unknown): KnownNames {
  const names = listOf(list).map((one) => objectOf(one).name);
  return names.every((name) => typeof name === 'string') ? new Set(names) : null;
}
