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

const decimal = ['m', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binary = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

/** The value of a quantity such as `500m` or `2Gi`; NaN if it is not one. */
export function quantity(text: string | number | undefined): number {
  const found = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(String(text ?? ''));
  return found ? Number(found[1]) * (suffixes[found[2] ?? ''] ?? NaN) : NaN;
}

/** The canonical form: no fraction, and the largest suffix of its family without one. `0.5Gi` -> `512Mi`, `1000m` -> `1`. Other text is unchanged. */
export function canonicalQuantity(text: string): string {
  const value = quantity(text);
  if (Number.isNaN(value)) return text;
  const isBinary = /[KMGTPE]i$/.test(text);
  const family = isBinary ? binary : decimal;
  const step = isBinary ? 1024 : 1000;
  // Binary quantities below one unit, and decimal ones below a thousandth, are rounded up to it.
  const scaled = isBinary ? value : value * 1000;
  let number = Number.isInteger(scaled) ? scaled : Math.ceil(Number(scaled.toPrecision(15)));
  let index = 0;
  while (number !== 0 && number % step === 0 && index < family.length - 1) {
    number /= step;
    index++;
  }
  return number === 0 ? '0' : `${number}${family[index]}`;
}
