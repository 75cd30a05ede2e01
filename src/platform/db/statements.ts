import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler, sql } from 'kysely';
import type { ColumnType, CompiledQuery, Dialect, RawBuilder, SelectType, UpdateType } from 'kysely';
import type pg from 'pg';
import type { DB, Json } from '../../generated/kysely/tables.ts';
import { statementName } from './statement-names.ts';
import { storableJson } from './storable.ts';

/** Text of a JSON column. Only `json` makes it: given an object, the driver would write an array as a Postgres array. */
export type JsonText<T> = string & { readonly [text]: T };
declare const text: unique symbol;

/** A value on its way into a JSON column. */
export function json<T extends object>(value: T): JsonText<T>;
export function json<T extends object>(value: T | null): JsonText<T> | null;
export function json<T extends object>(value: T | null): JsonText<T> | null {
  return value === null ? null : (storableJson(value) as JsonText<T>);
}

/** Of the parts of a column's type, the one that stands for its JSON is replaced; null, or undefined where it has a default, stays. */
type Out<S, T> = S extends Json ? T : S;
type In<I, T> = I extends Json ? JsonText<T> : I;
type JsonColumn<C, T> = [C] extends [ColumnType<infer S, infer I, infer U>]
  ? ColumnType<Out<S, T>, In<I, T>, In<U, T>>
  : ColumnType<Out<C, T>, In<C, T>, In<C, T>>;
type Column<C, T> = Json extends SelectType<C> ? JsonColumn<C, T> : C;

/**
 * A row as `to_jsonb` makes it: dates are text. So is an `int8` in the row's own type, but in JSON it is a number, and rounded beyond 2^53: columns of that type
 * are not to be read so.
 */
export type JsonRow<Row> = { [C in keyof Row]: InJson<SelectType<Row[C]>> };
type InJson<V> = V extends Date ? string : V;

/** What the JSON columns of some tables hold, by table and column. Whether a column may be null is known from the schema. */
export type JsonColumns = { [T in keyof DB]?: { [C in keyof DB[T]]?: unknown } };

/** The schema's tables with these JSON columns. A JSON column that is not among them is read as `unknown` and written as any JSON. */
export type Tables<J extends JsonColumns = object> = {
  [T in keyof DB]: { [C in keyof DB[T]]: Column<DB[T][C], T extends keyof J ? (C extends keyof J[T] ? J[T][C] : unknown) : unknown> };
};

const dialect: Dialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
};

/**
 * Builds statements that need more than Prisma's client. Kysely compiles them with types from Prisma's schema, and `Database` runs them; executing one here
 * answers nothing. Names are those of the database (`@map`): a statement that answers under another name says so (`created_at as createdAt`).
 *
 * A feature makes one, and says there what its JSON columns hold: `new Statements<{ orders: { lines: Line[] } }>()`.
 */
export class Statements<J extends JsonColumns = object> extends Kysely<Tables<J>> {
  constructor() {
    super({ dialect });
  }

  /** What a JSON column of a row read by Prisma's client holds. */
  read<T extends keyof DB, C extends keyof DB[T]>(_table: T, _column: C, value: unknown): SelectType<Tables<J>[T][C]> {
    return value as SelectType<Tables<J>[T][C]>;
  }

  /** The row under an alias as one JSON value, where a statement answers rows of several tables. */
  row<T extends keyof DB>(_table: T, alias: string): RawBuilder<JsonRow<Tables<J>[T]>> {
    return sql`to_jsonb(${sql.table(alias)})`;
  }

  /** Values as rows of a table: `fields` has for each column what of a value is stored in it, and is the only list of columns. */
  recordsOf<V>() {
    return {
      into: <T extends keyof DB, C extends keyof DB[T] & string>(table: T, fields: Fields<Tables<J>[T], V, C>) =>
        new RecordSet<Tables<J>[T], V, C>(table, fields),
    };
  }
}

/** Text of a record set. */
export type RecordsText<V> = string & { readonly [records]: V };
declare const records: unique symbol;

type Fields<Row, V, C extends keyof Row> = { readonly [K in C]: (value: V) => SelectType<Row[K]> };

/**
 * Values as rows of a table, in one JSON parameter of a statement. Types are the table's (`jsonb_populate_recordset`), so a new column is one line in the schema
 * and one in the fields.
 */
export class RecordSet<Row, V, C extends keyof Row & string> {
  /** In the order of the fields. */
  readonly columns: readonly C[];

  constructor(
    private readonly table: string,
    private readonly fields: Fields<Row, V, C>,
  ) {
    this.columns = Object.keys(fields) as C[];
  }

  /** The rows, for `from` with an alias. `ordinality` is the place of the value, counted from 1; an `int8`, and so a string where it is read. */
  of(values: readonly V[]): RawBuilder<{ [K in C]: SelectType<Row[K]> } & { ordinality: string }> {
    return this.in(sql<RecordsText<V>>`${this.text(values)}`);
  }

  /** The same for a parameter of a prepared statement, which is then given `text`. */
  in(records: RawBuilder<RecordsText<V>>): RawBuilder<{ [K in C]: SelectType<Row[K]> } & { ordinality: string }> {
    return sql`jsonb_populate_recordset(null::${sql.table(this.table)}, ${records}::jsonb) with ordinality`;
  }

  /** The values as that parameter. */
  text(values: readonly V[]): RecordsText<V> {
    const records = values.map((value) => Object.fromEntries(this.columns.map((column) => [column, this.fields[column](value)])));
    return storableJson(records) as RecordsText<V>;
  }

  /** The columns under an alias, for `select`. */
  under<A extends string>(alias: A): `${A}.${C}`[] {
    return this.columns.map((column) => `${alias}.${column}` as const);
  }

  /** Assigns the columns of an alias, but these, for `set`. */
  set<K extends C = never>(alias: string, but: readonly K[] = []): { [N in Exclude<C, K>]: RawBuilder<UpdateType<Row[N]>> } {
    const assigned = this.columns.filter((column) => !(but as readonly string[]).includes(column));
    return Object.fromEntries(assigned.map((column) => [column, sql.ref(`${alias}.${column}`)])) as {
      [N in Exclude<C, K>]: RawBuilder<UpdateType<Row[N]>>;
    };
  }
}

/** A statement of Kysely's; O = a row of its result. */
export interface Statement<O> {
  compile(): CompiledQuery<O>;
}

/** The statement as the driver takes it. */
export function compiled(statement: Statement<unknown>): pg.QueryConfig {
  const { sql: text, parameters } = statement.compile();
  return { name: statementName(text), text, values: [...parameters] };
}

/** Parameters of a prepared statement, each an expression where it stands. */
export type Parameters<P> = { readonly [K in keyof P]: RawBuilder<P[K]> };

class Placeholder {
  constructor(readonly parameter: string | symbol) {}
}

/**
 * Builds and compiles a statement at its first use, and from then on only binds values: for statements that run for every decision. The text is the same for all
 * values, so none of them may decide what is built.
 *
 *     const byName = prepared((p: Parameters<{ name: string }>) => tables.selectFrom('orders').select('id').where('name', '=', p.name));
 *     database.run(byName({ name: 'web' }));
 */
export function prepared<P extends object, O>(build: (parameters: Parameters<P>) => Statement<O>): (values: P) => Statement<O> {
  const parameters = new Proxy({} as Parameters<P>, { get: (_, name) => sql`${new Placeholder(name)}` });
  let known: CompiledQuery<O> | null = null;
  return (values) => ({
    compile: () => {
      known ??= build(parameters).compile();
      const bound = known.parameters.map((part) => (part instanceof Placeholder ? (Reflect.get(values, part.parameter) as unknown) : part));
      return { ...known, parameters: bound };
    },
  });
}

/** A parameter that is selected. Elsewhere Postgres infers the type. */
export const uuid = (value: string): RawBuilder<string> => sql<string>`${value}::uuid`;

/** For `where(column, '=', anyOf(values))`: the list is one parameter, so its length does not make another prepared statement. */
export const anyOf = <T>(values: readonly T[]): RawBuilder<T> => sql<T>`any(${[...values]})`;

/** For `where(column, 'in', constants(values))`: part of the text, where the planner can compare them with the condition of a partial index. */
export const constants = <const T extends string>(values: readonly T[]): RawBuilder<T> =>
  sql<T>`(${sql.join(values.map((value) => sql.lit(value)))})`;
