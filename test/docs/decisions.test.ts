import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const folder = path.resolve(import.meta.dirname, '../../docs/decisions');
const files = globSync('0*.md', { cwd: folder }).sort();
const index = readFileSync(path.join(folder, 'README.md'), 'utf8');
const PARTS = ['Context', 'Options', 'Decision', 'What follows'];

describe.each(files)('%s', (file) => {
  const text = readFileSync(path.join(folder, file), 'utf8');
  const [, number, title] = /^# (\d{4}): (.+)\n/.exec(text) ?? [];
  const [, status, date] = /^Status: (accepted|superseded by \[.+\]\(.+\)), (\d{4}-\d\d-\d\d)\b.*\.$/m.exec(text) ?? [];

  it('has the form of a decision', () => {
    expect(number).toBe(file.slice(0, 4));
    expect(status).toBeDefined();
    expect([...text.matchAll(/^\*\*(.+)\.\*\*/gm)].map(([, part]) => part)).toEqual(PARTS);
  });

  it('is in the index with its title, status and date', () => {
    expect(index).toContain(`| [${number}](${file}) | ${title} | ${status} | ${date} |\n`);
  });
});

it('has no number twice and leaves none out', () => {
  expect(files.map((file) => Number(file.slice(0, 4)))).toEqual(files.map((_, place) => place + 1));
});
