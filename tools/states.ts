/** docs/states.md and the diagram in ARCHITECTURE.md, made from the tables of transitions. */
import { RolloutPhase, TargetPhase, WavePhase } from '../src/generated/prisma/enums.ts';
import { isSettled, isTerminal } from '../src/rollouts/core/phases.ts';
import { rolloutTransitions, targetTransitions, waveTransitions } from '../src/rollouts/core/transitions.ts';

interface Row {
  from: readonly string[];
  to: string;
  event: string | null;
  by?: string;
}

interface Machine {
  title: string;
  text: string;
  phases: readonly string[];
  rows: readonly Row[];
  isEnd: (phase: string) => boolean;
}

const rollout: Machine = {
  title: 'A rollout',
  text: 'An arrow names what makes the change: a decision of its loop, a verb (in lower case), or the request of the rollout that supersedes it. An arrow from a phase to itself changes something else: the reason of the pause, that an abort was asked for, or one target that goes back alone.',
  phases: Object.values(RolloutPhase),
  rows: rolloutTransitions,
  isEnd: (phase) => isSettled(phase as RolloutPhase),
};

const machines: Machine[] = [
  rollout,
  {
    title: 'A wave',
    text: 'An arrow names the event.',
    phases: Object.values(WavePhase),
    rows: waveTransitions,
    isEnd: (phase) => phase === 'COMPLETED',
  },
  {
    title: 'A target',
    text: 'An arrow names the event, where the change has one of its own. SUCCEEDED, FAILED, ROLLED_BACK and SKIPPED are final once the rollout has ended; before, what succeeded or failed may go back, and what failed may be retried. BAKING is reserved: no target enters it in this version.',
    phases: Object.values(TargetPhase),
    rows: targetTransitions,
    isEnd: (phase) => isTerminal(phase as TargetPhase),
  },
];

const cause = (by: string): string => (by.startsWith('VERB_') ? by.slice('VERB_'.length).toLowerCase() : by);
const labelOf = ({ by, event }: Row): string | null => (by === undefined ? event : cause(by));

/** One arrow for each pair of phases, with all that makes the change. */
function arrows(rows: readonly Row[]): string[] {
  const labels = new Map<string, Set<string>>();
  for (const row of rows) {
    for (const from of row.from) {
      const pair = `${from} --> ${row.to}`;
      const label = labelOf(row);
      labels.set(pair, (labels.get(pair) ?? new Set()).add(label ?? ''));
    }
  }
  return [...labels].map(([pair, of]) => {
    const label = [...of].filter((one) => one !== '').join(', ');
    return label === '' ? pair : `${pair}: ${label}`;
  });
}

/** A diagram with a start, these arrows and the ends. */
function diagram({ phases, isEnd }: Machine, between: readonly string[]): string {
  const lines = [`[*] --> ${phases[0]}`, ...between, ...phases.filter(isEnd).map((phase) => `${phase} --> [*]`)];
  return ['```mermaid', 'stateDiagram-v2', ...lines.map((line) => `  ${line}`), '```'].join('\n');
}

function section(machine: Machine): string {
  const { title, text, rows } = machine;
  const hasCause = rows.some(({ by }) => by !== undefined);
  const table = rows.map(({ from, to, event, by }) => {
    const cells = [from.join(', '), to, ...(by === undefined ? [] : [cause(by)]), event === null ? '' : `\`${event}\``];
    return `| ${cells.join(' | ')} |`;
  });
  const head = hasCause ? ['| from | to | by | event |', '|---|---|---|---|'] : ['| from | to | event |', '|---|---|---|'];
  return [`## ${title}`, text, diagram(machine, arrows(rows)), [...head, ...table].join('\n')].join('\n\n');
}

/** The page. */
export function statesPage(): string {
  const intro =
    'Made from `src/rollouts/core/transitions.ts` by `npm run docs`. A change of a phase that is not here is refused: the rollout or target on which it was decided ends FAILED.';
  return `${['# States', intro, ...machines.map(section)].join('\n\n')}\n`;
}

const BLOCK = /(<!-- phases of a rollout: npm run docs -->\n\n)[^]*?(\n\n<!-- end -->)/;

/** ARCHITECTURE.md with the diagram of today: the phases of a rollout, without causes and without arrows from a phase to itself. */
export function withPhases(architecture: string): string {
  if (!BLOCK.test(architecture)) throw new Error('ARCHITECTURE.md has no block for the phases of a rollout');
  const pairs = rollout.rows.flatMap(({ from, to }) => from.filter((one) => one !== to).map((one) => `${one} --> ${to}`));
  return architecture.replace(BLOCK, (_all, start: string, end: string) => `${start}${diagram(rollout, [...new Set(pairs)])}${end}`);
}
