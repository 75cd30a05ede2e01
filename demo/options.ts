import { parseArgs } from 'node:util';

export interface Options {
  /** Leaves everything running at the end. */
  keep: boolean;
  /** Real clusters of this kubeconfig instead of simulated ones. */
  kubeconfig: string | null;
  /** Contexts of that kubeconfig; empty = its current one. */
  contexts: string[];
}

export const USAGE = `npm run demo -- [--keep] [--kubeconfig FILE [--context A,B]]
  --keep         leave everything running and say how to go on
  --kubeconfig   tell the story on real clusters, in a namespace that is made for it and removed
  --context      contexts of that kubeconfig, separated by commas (default: its current one)
Data and logs of the last run stay in .slipway/demo.`;

/** @throws Error in one line if an option is unknown or lacks its value */
export function optionsOf(parameters: string[]): Options {
  const { values } = parseArgs({
    args: parameters,
    options: { keep: { type: 'boolean' }, kubeconfig: { type: 'string' }, context: { type: 'string' }, help: { type: 'boolean' } },
  });
  if (values.help) throw new Error(USAGE);
  if (values.context !== undefined && values.kubeconfig === undefined) throw new Error('--context needs --kubeconfig');
  return {
    keep: values.keep ?? false,
    kubeconfig: values.kubeconfig ?? null,
    contexts: values.context?.split(',').filter(Boolean) ?? [],
  };
}
