import { Field, ObjectType } from '@nestjs/graphql';
import { z } from 'zod';
import { isId } from '../id.ts';
import { invalid } from '../problem.ts';
import { Arguments, Model, type Modelled } from '../model/model.ts';
import { wholeNumber } from '../model/fields.ts';
import { checked } from './shapes.ts';

/** One page of a list, newest first. REST returns it, and GraphQL's connections are built from it. */
export interface Page<T> {
  items: T[];
  /** null after the last. */
  nextCursor: string | null;
}

/** The requested part of a list. */
export interface Window {
  limit: number;
  /** Id of the last item of the previous page. */
  after: string | null;
}

/** Query fields of every list in REST. */
export const pageQuery = {
  limit: wholeNumber(1, 200).default(50).describe('Maximum number of items.'),
  cursor: z.string().max(200).optional().describe('`nextCursor` of the previous page.'),
};

/** Arguments of every list in GraphQL. */
export const pageArguments = {
  first: z.int().min(1).max(200).default(50).describe('Maximum number of items.'),
  after: z.string().max(200).nullish().describe('`endCursor` of the previous page.'),
};

/** `?limit=&cursor=` of a list without filters. */
@Arguments()
export class PageQuery extends Model(pageQuery) {}

/** `first`, `after` of a list without filters. */
@Arguments()
export class PageArguments extends Model(pageArguments) {}

/** `first`, `after` of a nested list. */
@Arguments()
export class NestedPageArguments extends Model({
  ...pageArguments,
  first: z.int().min(1).max(50).default(20).describe('Maximum number of items.'),
}) {}

type Asked = { limit: number; cursor?: string | undefined } | { first: number; after?: string | null | undefined };

/** Cursors are opaque: the id, or the key by which the list is ordered, in base64url. */
export const sealCursor = (key: string): string => Buffer.from(key).toString('base64url');

/** The window of a query or of arguments. Throws INVALID for a cursor that this list cannot have returned. */
export function windowOf(asked: Asked, isKey: (key: string) => boolean = isId): Window {
  const [limit, cursor, parameter] = 'limit' in asked ? [asked.limit, asked.cursor, 'cursor'] : [asked.first, asked.after, 'after'];
  if (cursor === undefined || cursor === null) return { limit, after: null };
  const key = Buffer.from(cursor, 'base64url').toString();
  if (!isKey(key) || sealCursor(key) !== cursor) throw invalid({ parameter, detail: 'is not a cursor of this list' });
  return { limit, after: key };
}

/** The window of a nested list, whose arguments no interceptor has checked. */
export function nestedWindowOf(asked: unknown, isKey?: (key: string) => boolean): Window {
  return windowOf(checked(NestedPageArguments, asked, 'parameter'), isKey);
}

/** A page from `limit` + 1 rows or fewer; the extra row shows that there are more. `keyOf` gives the key by which the list is ordered. */
export function pageOf<R, T>(rows: R[], limit: number, keyOf: (row: R) => string, present: (row: R) => T): Page<T> {
  const held = rows.slice(0, limit);
  const last = held.at(-1);
  return { items: held.map(present), nextCursor: rows.length > limit && last !== undefined ? sealCursor(keyOf(last)) : null };
}

/** Prisma's arguments for a window by id, newest first, including the extra row. */
export const byId = (window: Window) => ({
  take: window.limit + 1,
  orderBy: { id: 'desc' as const },
  where: window.after === null ? {} : { id: { lt: window.after } },
});

/** Schema of a page, for the OpenAPI document. */
export class PageSchema {
  constructor(readonly item: Modelled) {}
}
export const PageOf = (item: Modelled): PageSchema => new PageSchema(item);

@ObjectType({ description: 'Position of a page in its list.' })
export class PageInfo {
  @Field(() => Boolean, { description: 'Whether there are items before: `after` was given.' }) hasPreviousPage: boolean;
  @Field(() => Boolean, { description: 'Whether there are more items.' }) hasNextPage: boolean;
  @Field(() => String, { nullable: true, description: 'Cursor of the first item; null on an empty page.' })
  startCursor: string | null;
  @Field(() => String, { nullable: true, description: 'For `after`.' }) endCursor: string | null;
}

export interface Connected<T> {
  edges: { cursor: string; node: T }[];
  pageInfo: PageInfo;
}

/** A page as a connection shows it, from its entries and from what was asked for. */
export function connected<T>(
  edges: Connected<T>['edges'],
  nextCursor: string | null,
  asked: { after?: string | null | undefined },
): Connected<T> {
  const pageInfo = {
    hasPreviousPage: typeof asked.after === 'string',
    hasNextPage: nextCursor !== null,
    startCursor: edges[0]?.cursor ?? null,
    endCursor: edges.at(-1)?.cursor ?? null,
  };
  return { edges, pageInfo };
}

/** The Relay connection of an entity. Items are ordered by id unless `keyOf` says otherwise. */
export function Connection<T>(item: new () => T, keyOf: (node: T) => string = (node) => (node as { id: string }).id) {
  @ObjectType(`${item.name}Edge`, { description: `An entry of a list of ${item.name}.` })
  class Edge {
    @Field(() => String, { description: 'For `after`.' }) cursor: string;
    @Field(() => item) node: T;
  }

  @ObjectType(`${item.name}Connection`, { description: `A page of a list of ${item.name}.` })
  class Connection {
    @Field(() => [Edge]) edges: Edge[];
    @Field(() => PageInfo) pageInfo: PageInfo;

    static of(page: Page<T>, asked: { after?: string | null | undefined }): Connected<T> {
      const edges = page.items.map((node) => ({ node, cursor: sealCursor(keyOf(node)) }));
      return connected(edges, page.nextCursor, asked);
    }
  }
  return Connection;
}

/** The page of an empty list. */
export const emptyPage = <T>(): Page<T> => ({ items: [], nextCursor: null });
