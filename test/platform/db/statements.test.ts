import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/platform/db/database.ts';
import { anyOf, compiled, constants, json, prepared, Statements, uuid } from '../../../src/platform/db/statements.ts';
import type { Parameters, RecordsText } from '../../../src/platform/db/statements.ts';
import { freshDatabase } from '../../support/database.ts';
import type { FreshDatabase } from '../../support/database.ts';
// As it loads, every feature registers what its constraints mean.
import '../../../src/app.module.ts';

interface Columns {
  workloads: { values: { tags: string[] }; placement_rule: { labels: string[] } };
}
const tables = new Statements<Columns>();

let fresh: FreshDatabase;
let database: Database;
const [blue, green, templateId] = [randomUUID(), randomUUID(), randomUUID()];

const inBlue = <T>(work: () => Promise<T>): Promise<T> => database.as({ tenantId: blue }, work);

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database({ url: fresh.appUrl, poolSize: 2 });
  for (const [id, name] of [
    [blue, 'blue'],
    [green, 'green'],
  ] as const)
    await database.as({ tenantId: id }, () => database.rows.tenant.create({ data: { id, name, dataKeySealed: Buffer.from('sealed') } }));
  await inBlue(() => database.rows.template.create({ data: { tenantId: blue, id: templateId, name: 'web' } }));
});

afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const insert = (name: string, rule: { labels: string[] } | null = null) =>
  tables.insertInto('workloads').values({
    tenant_id: blue,
    id: randomUUID(),
    name,
    template_id: templateId,
    values: json({ tags: ['a', 'b'] }),
    placement_rule: json(rule),
    updated_at: sql`now()`,
  });
const named = (...names: string[]) =>
  tables
    .selectFrom('workloads')
    .select(['name', 'values', 'placement_rule as rule', 'created_at as createdAt'])
    .where('name', '=', anyOf(names))
    .orderBy('name');

describe('a statement of Kysely', () => {
  it('sees the rows of the tenant of its context, within a transaction and outside', async () => {
    const name = randomUUID();
    await inBlue(() => database.transaction(async () => database.write(insert(name))));

    const seen = (tenantId: string) => database.as({ tenantId }, () => database.run(named(name)));

    expect(await seen(blue)).toHaveLength(1);
    expect(await inBlue(() => database.transaction(() => database.run(named(name))))).toHaveLength(1);
    expect(await seen(green)).toEqual([]);
    expect(await database.run(named(name))).toEqual([]);
  });

  it('joins the open transaction: it reads what was written there, and is taken back with it', async () => {
    const name = randomUUID();
    const work = inBlue(() =>
      database.transaction(async () => {
        database.write(insert(name));
        expect(await database.run(named(name))).toHaveLength(1);
        expect(await database.rows.workload.count({ where: { name } })).toBe(1);
        throw new Error('no');
      }),
    );

    await expect(work).rejects.toThrow('no');
    expect(await inBlue(() => database.run(named(name)))).toEqual([]);
  });

  it('fails as those of the client do', async () => {
    const name = randomUUID();
    const twice = inBlue(() => database.transaction(async () => [1, 2].forEach(() => database.write(insert(name)))));

    await expect(twice).rejects.toMatchObject({ code: 'NAME_TAKEN' });
    expect(() => database.write(insert(name))).toThrow(/context/);
    await expect(inBlue(async () => database.write(insert(name)))).rejects.toThrow('no transaction is open');
  });

  it('writes JSON of any shape, arrays and texts that Postgres cannot store among them, and reads dates and int8 as the driver does', async () => {
    const [first, second] = [`1-${randomUUID()}`, `2-${randomUUID()}`];
    await inBlue(() =>
      database.transaction(async () => {
        database.write(insert(first, { labels: ['nul \u0000', '"quoted" \\ {brace}'] }));
        database.write(insert(second));
      }),
    );

    const rows = await inBlue(() => database.run(named(first, second)));

    expect(rows.map(({ createdAt: _, ...row }) => row)).toEqual([
      { name: first, values: { tags: ['a', 'b'] }, rule: { labels: ['nul ', '"quoted" \\ {brace}'] } },
      { name: second, values: { tags: ['a', 'b'] }, rule: null },
    ]);
    expect(rows[0]?.createdAt).toBeInstanceOf(Date);
    const [head] = await inBlue(() => database.run(tables.selectNoFrom(sql<string>`9007199254740993::int8`.as('seq'))));
    expect(head?.seq).toBe('9007199254740993');
  });

  it('runs as the role that reads across tenants, with the rights of that role', async () => {
    const tenants = await database.system.run(
      tables
        .selectFrom('tenants')
        .select('name')
        .where('id', '=', anyOf([blue, green])),
    );

    expect(tenants.map(({ name }) => name).sort()).toEqual(['blue', 'green']);
    await expect(database.system.run(tables.selectFrom('credentials').selectAll())).rejects.toThrow(/permission denied/);
  });
});

describe('the text of a statement', () => {
  it('and so its prepared statement is one for lists of any length', () => {
    const [one, three] = [compiled(named('a')), compiled(named('a', 'b', 'c'))];

    expect(three).toMatchObject({ text: one.text, name: one.name });
    expect(one.name).not.toBe('');
    expect(three.values).toEqual([['a', 'b', 'c']]);
  });

  it('is prepared once per connection, by whichever way it is sent, under a name of ours', async () => {
    const mark = randomUUID();
    const marked = tables
      .selectFrom('workloads')
      .select('id')
      .where('name', '=', mark)
      .where(sql<boolean>`${sql.lit(mark)} <> ''`);
    const prepared = await inBlue(() =>
      database.transaction(async () => {
        await Promise.all([database.run(marked), database.run(marked), database.rows.template.findFirst({ where: { name: mark } })]);
        return database.query<{ name: string; statement: string }>('SELECT name, statement FROM pg_prepared_statements', []);
      }),
    );

    expect(prepared.filter(({ statement }) => statement.includes(mark))).toHaveLength(1);
    expect(prepared.some(({ statement }) => statement.includes('"public"."templates"'))).toBe(true);
    expect(prepared.filter(({ name }) => !/^slipway_\d+$/.test(name))).toEqual([]);
  });

  it('contains the words of the code, which a partial index may name', () => {
    const active = tables
      .selectFrom('rollouts')
      .select('id')
      .where('phase', 'in', constants(['QUEUED', 'RUNNING']));

    expect(compiled(active)).toMatchObject({
      text: `select "id" from "rollouts" where "phase" in ('QUEUED', 'RUNNING')`,
      values: [],
    });
  });
});

describe('a prepared statement', () => {
  const names = tables.recordsOf<string>().into('workloads', { name: (name) => name });

  it('is built once, and binds its values at each call where they stand', async () => {
    let built = 0;
    const found = prepared((p: Parameters<{ own: string; names: RecordsText<string>; first: string }>) => {
      built++;
      return tables
        .selectFrom(names.in(p.names).as('n'))
        .select((e) => ['n.name', e('n.name', '=', p.own).as('own'), sql<string>`${p.first}::text`.as('first'), e.val(7).as('fixed')])
        .where('n.name', '<>', p.first)
        .orderBy('n.name');
    });
    const values = (own: string) => ({ own, names: names.text(['a', 'b', 'c']), first: 'a' });
    const [one, other] = [compiled(found(values('b'))), compiled(found({ ...values('x'), names: names.text([]) }))];

    expect(built).toBe(1);
    expect(other).toMatchObject({ text: one.text, name: one.name });
    expect(await inBlue(() => database.run(found(values('b'))))).toMatchObject([
      { name: 'b', own: true, first: 'a' },
      { name: 'c', own: false, first: 'a' },
    ]);
    expect(await inBlue(() => database.run(found({ ...values('b'), names: names.text([]) })))).toEqual([]);
  });
});

describe('a set of records', () => {
  interface Change {
    id: string;
    name: string;
    rule: { labels: string[] } | null;
    deletedAt: Date | null;
    version: number;
  }
  const changes = tables.recordsOf<Change>().into('workloads', {
    id: ({ id }) => id,
    name: ({ name }) => name,
    placement_rule: ({ rule }) => rule,
    deleted_at: ({ deletedAt }) => deletedAt,
    version: ({ version }) => version,
  });
  const change = (more: Partial<Change>): Change => ({
    id: randomUUID(),
    name: randomUUID(),
    rule: null,
    deletedAt: null,
    version: 1,
    ...more,
  });
  const insertAll = (list: readonly Change[]) =>
    tables
      .insertInto('workloads')
      .columns(['tenant_id', 'template_id', ...changes.columns])
      .expression((select) =>
        select
          .selectFrom(changes.of(list).as('n'))
          .select([uuid(blue).as('tenant_id'), uuid(templateId).as('template_id')])
          .select(changes.under('n')),
      );
  const stored = async ({ id }: Change) =>
    (
      await inBlue(() =>
        database.run(
          tables
            .selectFrom('workloads')
            .select([...changes.columns, 'values'])
            .where('id', '=', id),
        ),
      )
    )[0];

  it('inserts its columns with the types of the table; the others have their defaults', async () => {
    const [first, second] = [change({ rule: { labels: ['x'] }, version: 7 }), change({ deletedAt: new Date('2026-01-02T03:04:05.678Z') })];

    await inBlue(() => database.run(insertAll([first, second])));

    expect(await stored(first)).toEqual({
      id: first.id,
      name: first.name,
      placement_rule: first.rule,
      deleted_at: null,
      version: 7,
      values: {},
    });
    expect(await stored(second)).toMatchObject({ placement_rule: null, deleted_at: second.deletedAt });
  });

  it('updates its columns, but those that say which row it is', async () => {
    const [before, other] = [change({}), change({})];
    await inBlue(() => database.run(insertAll([before, other])));
    const after = { ...before, name: randomUUID(), rule: { labels: ['y'] } };

    const updated = await inBlue(() =>
      database.run(
        tables
          .updateTable('workloads as w')
          .from(changes.of([after, { ...other, version: 2 }]).as('n'))
          .set({ ...changes.set('n', ['id', 'version']), updated_at: sql`now()` })
          .set((e) => ({ version: e('w.version', '+', 1) }))
          .whereRef('w.id', '=', 'n.id')
          .whereRef('w.version', '=', 'n.version')
          .returning(['w.id', 'w.version']),
      ),
    );

    expect(updated).toEqual([{ id: before.id, version: 2 }]);
    expect(await stored(before)).toMatchObject({ name: after.name, placement_rule: after.rule, version: 2 });
    expect(await stored(other)).toMatchObject({ name: other.name, version: 1 });
  });

  it('keeps the order of the values, and takes none as well', async () => {
    const list = [change({}), change({}), change({})];
    const listed = (values: readonly Change[]) =>
      database.run(tables.selectFrom(changes.of(values).as('n')).select(['n.name', 'n.ordinality']).orderBy('n.ordinality'));

    expect(await listed(list)).toEqual(list.map(({ name }, i) => ({ name, ordinality: String(i + 1) })));
    expect(await listed([])).toEqual([]);
  });
});
