const suffixes: { [suffix: string]: number } = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** The number that a quantity such as `500m` or `2Gi` stands for; NaN where it is none. */
export function quantity(text: string | number | undefined): number {
  const found = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(String(text ?? ''));
  return found ? Number(found[1]) * (suffixes[found[2] ?? ''] ?? NaN) : NaN;
}
