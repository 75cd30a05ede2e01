import { stripVTControlCharacters, styleText } from 'node:util';
import type { Rollout, Target } from './slipway.ts';

const BAR = 24;
const COLOURS = {
  SUCCEEDED: 'green',
  PROGRESSING: 'cyan',
  HELD: 'yellow',
  BAKING: 'yellow',
  PAUSED: 'yellow',
  ROLLING_BACK: 'magenta',
  ROLLED_BACK: 'magenta',
  FAILED: 'red',
} as const;

type Colour = (typeof COLOURS)[keyof typeof COLOURS];

const coloured = (text: string, phase: string): string => {
  const colour: Colour | undefined = COLOURS[phase as keyof typeof COLOURS];
  return colour ? styleText(colour, text) : text;
};

/** One character per pod if they fit: new, old, and the number of Ready pods. */
function barOf(target: Target): string {
  if (!target.pods) return '·'.repeat(BAR);
  const { old, new: fresh, ready } = target.pods;
  const scale = Math.max(1, (old + fresh) / BAR);
  const part = (pods: number): number => Math.round(pods / scale);
  const bar = `${'█'.repeat(part(fresh))}${'▒'.repeat(part(old))}`.padEnd(BAR);
  return `${bar} ${String(fresh).padStart(3)} new ${String(old).padStart(3)} old ${String(ready).padStart(3)} ready`;
}

const lineOf = (target: Target): string => {
  const where = `${target.region.name}/${target.cluster.name}`.padEnd(22);
  const reason = target.condition?.message ?? target.failure?.reason ?? target.phaseReason ?? '';
  return `  ${where}${coloured(target.phase.padEnd(13), target.phase)}${barOf(target)}  ${reason}`;
};

/** Live lines on a terminal, plain ones elsewhere. */
export class Screen {
  private readonly live = process.stdout.isTTY;
  private drawn = 0;
  private readonly said = new Map<string, string>();

  heading(text: string): void {
    this.settle();
    console.log(`\n${styleText('bold', text)}`);
  }

  say(text: string): void {
    this.settle();
    console.log(text);
  }

  /** Shows the rollout's current state: on a terminal it replaces the previous one, elsewhere only changes are printed. */
  show(rollout: Rollout): void {
    const targets = [...rollout.targets].sort((a, b) => a.cluster.name.localeCompare(b.cluster.name));
    if (this.live) this.draw([`  ${coloured(titleOf(rollout), rollout.phase)}`, ...targets.map(lineOf)]);
    else for (const target of targets) this.sayOnce(rollout, target);
  }

  /** Keeps what was drawn; the next drawing begins below it. */
  settle(): void {
    this.drawn = 0;
    this.said.clear();
  }

  private draw(lines: string[]): void {
    const width = process.stdout.columns || 120;
    const cut = (line: string): string =>
      stripVTControlCharacters(line).length > width ? `${stripVTControlCharacters(line).slice(0, width - 1)}…` : line;
    const up = this.drawn > 0 ? `\u001b[${this.drawn}A` : '';
    process.stdout.write(up + lines.map((line) => `\u001b[2K${cut(line)}\n`).join(''));
    this.drawn = lines.length;
  }

  private sayOnce(rollout: Rollout, target: Target): void {
    const state = `${target.phase} ${target.phaseReason ?? ''}`;
    if (this.said.get(target.id) === state) return;
    this.said.set(target.id, state);
    console.log(`  ${rollout.phase.padEnd(13)} ${lineOf(target).trimStart()}`);
  }
}

const titleOf = (rollout: Rollout): string =>
  `${rollout.phase}${rollout.pauseReason ? `/${rollout.pauseReason}` : ''}  ${rollout.phaseReason ?? ''}`;

/** A table in plain text; columns as wide as their widest cell. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: string[]): string => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}
