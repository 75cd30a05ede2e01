/** Summaries of many runs. */

const sorted = (figures: readonly number[]): number[] => [...figures].sort((a, b) => a - b);

/** The smallest figure that at least this share (0..1) of the figures does not exceed. */
export const percentile = (figures: readonly number[], share: number): number => {
  const list = sorted(figures);
  return list[Math.min(list.length - 1, Math.ceil(list.length * share) - 1)] ?? Number.NaN;
};

export const median = (figures: readonly number[]): number => percentile(figures, 0.5);

/** `6.12 (5.98-6.73)` */
export const spread = (figures: readonly number[], digits = 2): string =>
  `${median(figures).toFixed(digits)} (${Math.min(...figures).toFixed(digits)}-${Math.max(...figures).toFixed(digits)})`;

/** One line of a result: the figure, its target, and whether it is met. */
export function verdict(what: string, figure: number, target: number, unit: string, digits = 2): void {
  const met = figure <= target ? 'met' : 'MISSED';
  console.log(`${what.padEnd(52)} ${figure.toFixed(digits)} ${unit}   target <= ${target} ${unit}: ${met}`);
}
