import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { parametersIn } from '../../src/templates/core/placeholders.ts';

const sources = path.resolve(import.meta.dirname, '../../src');

/** Every regular expression that stands in the product's sources, by its place. */
function expressions(): [place: string, expression: RegExp][] {
  const found: [string, RegExp][] = [];
  for (const name of readdirSync(sources, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts') || name.startsWith('generated')) continue;
    const file = ts.createSourceFile(name, readFileSync(path.join(sources, name), 'utf8'), ts.ScriptTarget.Latest, true);
    const visit = (node: ts.Node): void => {
      if (ts.isRegularExpressionLiteral(node)) {
        const end = node.text.lastIndexOf('/');
        const place = `${name}:${file.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${node.text}`;
        found.push([place, new RegExp(node.text.slice(1, end), node.text.slice(end + 1))]);
      }
      ts.forEachChild(node, visit);
    };
    visit(file);
  }
  return found;
}

const COMMON = ['a', 'A', '1', '-', '.', '/', ' ', '\t', ',', ';', '=', '"', '{', '[', ']', ':', '\0', 'a-', 'a.', '1.', '-a', 'a ', '{ "'];

/** Texts that a matcher may start on anew at many places, or divide in many ways: what occurs in the expression, repeated. */
function attacks({ source }: RegExp): string[] {
  const literals = source.replaceAll(/\\[a-zA-Z]|\[[^\]]*\]|\{\d+,?\d*\}/g, '\0').match(/[\w:/-]+/g) ?? [];
  return [...new Set([...COMMON, ...literals.flatMap((literal) => [literal, `${literal}-`, `${literal} `, `${literal}a`])])];
}

/** The least of three measurements, in milliseconds. */
function milliseconds(work: () => unknown): number {
  const measured = [1, 2, 3].map(() => {
    const begin = performance.now();
    work();
    return performance.now() - begin;
  });
  return Math.min(...measured);
}

const LENGTH = 10_000;
/** What the machine may do meanwhile. Quadratic work takes hundreds of milliseconds at four times the length. */
const NOISE_MILLISECONDS = 25;

/** Attacks whose work grows with more than the length: linear work takes four times as long for a text of four times the length, quadratic work 16 times. */
function superlinear(pumps: string[], work: (text: string) => unknown): string[] {
  return pumps.filter((pump) => {
    const text = (length: number): string => `${pump.repeat(Math.ceil(length / pump.length))}\n!`;
    const [short, long] = [text(LENGTH), text(4 * LENGTH)];
    return milliseconds(() => work(long)) > 8 * milliseconds(() => work(short)) + NOISE_MILLISECONDS;
  });
}

describe('a regular expression takes time in proportion to the text', () => {
  it.each(expressions())('%s', (_place, expression) => {
    expect(superlinear(attacks(expression), (text) => text.replace(expression, ''))).toEqual([]);
  });

  it('that of placeholders, which is built from another', () => {
    const pumps = [...COMMON, '${{', '${{ ', '${{ params.', '${{ params.a ', '${{params.a}'];
    expect(superlinear(pumps, parametersIn)).toEqual([]);
  });
});
