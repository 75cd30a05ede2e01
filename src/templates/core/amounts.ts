/** Amounts of pods: `maxSurge` and `maxUnavailable`, each a count or a percentage. */

/** The percentages: surge of any size, and at most all pods unavailable. */
export const PERCENT = { surge: /^\d{1,6}%$/, unavailable: /^0*(100|\d{1,2})%$/ } as const;

const isZero = (amount: unknown): boolean => Number.parseInt(String(amount), 10) === 0;

/** True if no pod can be replaced within these limits. */
export const isStuck = (maxSurge: unknown, maxUnavailable: unknown): boolean => isZero(maxSurge) && isZero(maxUnavailable);

/** The default of `maxUnavailable`: no pod is removed before its successor is available. Without surge, where that cannot be, a native Deployment's 25 %. */
export const maxUnavailableFor = (maxSurge: unknown): number | string => (isZero(maxSurge) ? '25%' : 0);
