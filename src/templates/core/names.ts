/** Rules of Kubernetes for the keys and values of labels. */

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const NAME_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

/** The key of a label: an optional DNS subdomain and "/", then a name of at most 63 characters. */
export function isQualifiedName(key: string): boolean {
  const [name, prefix, ...more] = key.split('/').reverse();
  if (more.length || name === undefined || name.length > 63 || !NAME_PART.test(name)) return false;
  return prefix === undefined || (prefix.length <= 253 && DNS_SUBDOMAIN.test(prefix));
}

/** The value of a label: empty, or at most 63 letters, digits, "-", "_" and ".". */
export const isLabelValue = (value: string): boolean => value.length <= 63 && LABEL_VALUE.test(value);

/** Labels and annotations with this prefix are reserved for Slipway. */
export const OUR_PREFIX = 'slipway.dev/';
