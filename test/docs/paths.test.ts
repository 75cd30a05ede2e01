import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', ...globSync('docs/**/*.md', { cwd: root })];
const entries = new Set(readdirSync(root));
const EXTENSIONS = /[^./]\.(ts|mjs|cjs|json|md|prisma|sql|yml|graphql)$/;

/** What stands in backquotes and names a file or folder of ours: from a folder at the top, or with the ending of a file. */
function pathsIn(text: string): string[] {
  const quoted = [...text.matchAll(/`([\w.*@/-]+)`/g)].map(([, name = '']) => name);
  return quoted.filter((name) => (name.includes('/') && entries.has(name.split('/')[0] ?? '')) || EXTENSIONS.test(name));
}

const linksIn = (text: string): string[] =>
  [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link).filter((link) => !/^\w+:/.test(link));

describe.each(documents)('%s', (document) => {
  const text = readFileSync(path.join(root, document), 'utf8');
  it('names files and folders that exist', () => {
    expect(pathsIn(text).filter((name) => globSync(name, { cwd: root }).length === 0)).toEqual([]);
  });
  it('links to documents that exist', () => {
    expect(linksIn(text).filter((link) => !existsSync(path.join(root, path.dirname(document), link)))).toEqual([]);
  });
});
