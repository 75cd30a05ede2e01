const QUANTITY = /^([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])|[eE]([+-]?\d{1,2}))?$/;

const SUFFIXES: Record<string, number> = {
  n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60,
}; // prettier-ignore

/** True for a Kubernetes quantity, such as `500m`, `1.5`, `64Mi` or `1e3` (the grammar is in the description of `io.k8s.apimachinery.pkg.api.resource.Quantity`). */
export const isQuantity = (text: string): boolean => QUANTITY.test(text);

/** The value of a quantity as a double, which is precise enough for comparisons; null if it is not a quantity. */
export function quantityOf(value: unknown): number | null {
  if (typeof value === 'number') return value;
  const match = typeof value === 'string' ? QUANTITY.exec(value) : null;
  if (!match) return null;
  const [, digits, suffix, exponent] = match;
  return Number(digits) * (suffix ? (SUFFIXES[suffix] ?? 1) : 10 ** Number(exponent ?? 0));
}
