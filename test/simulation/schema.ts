/** The columns of a table with their defaults, as Prisma's schema has them, so that a row that is made here has all that there are. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Row } from './postgres.ts';

const schema = readFileSync(path.resolve(import.meta.dirname, '../../prisma/schema.prisma'), 'utf8');
const bodies = [...schema.matchAll(/^model \w+ \{\n([\s\S]*?)^\}/gm)].map(([, body = '']) => body);
const models = new Set([...schema.matchAll(/^model (\w+) /gm)].map((match) => match[1]));

function defaultOf(text: string | undefined): unknown {
  if (text === undefined || text.endsWith(')')) return null;
  try {
    return JSON.parse(text.replaceAll(/^"(.*)"$/g, (_, inner: string) => inner.replaceAll('\\"', '"'))) as unknown;
  } catch {
    return text;
  }
}

function columnsOf(table: string): Row {
  const body = bodies.find((one) => one.includes(`@@map("${table}")`));
  if (body === undefined) throw new Error(`the schema has no table ${table}`);
  const fields = [...body.matchAll(/^ {2}(\w+)\s+(\w+)(\[\])?\??(.*)$/gm)];
  const columns = fields.flatMap(([, name = '', type = '', list, rest = '']) => {
    if (list !== undefined || models.has(type)) return [];
    const column = /@map\("([^"]+)"\)/.exec(rest)?.[1] ?? name;
    return [[column, defaultOf(/@default\(((?:[^()]|\([^()]*\))*)\)/.exec(rest)?.[1])] as const];
  });
  return Object.fromEntries(columns);
}

const known = new Map<string, Row>();

/** A new row of a table; what is not given has the default. */
export function newRow(table: string, values: Row): Row {
  const defaults = known.get(table) ?? columnsOf(table);
  known.set(table, defaults);
  return { ...defaults, ...values };
}
