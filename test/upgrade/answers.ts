import { expectStatus } from '../support/api.ts';
import type { Client } from '../support/api.ts';

interface Item {
  id: string;
  [field: string]: unknown;
}

/** What the API answers to reads: an item or a list of items, by path. */
export type Answers = Record<string, Item | Item[]>;

interface Page {
  items: Item[];
}

/** Reads everything that a tenant can read of its workloads, their history and what they are made of. */
export async function answersOf(client: Client): Promise<Answers> {
  const answers: Answers = {};
  const get = async <T>(path: string): Promise<T> => expectStatus(await client.rest<T>('GET', path), 200);
  const list = async (path: string): Promise<Item[]> => (answers[path] = (await get<Page>(`${path}?limit=200`)).items);
  const events = async (path: string): Promise<void> => {
    const all: Item[] = [];
    for (let after = '0'; ;) {
      const { items } = await get<Page>(`${path}?after=${after}&limit=200`);
      const last = items.at(-1);
      if (!last) break;
      all.push(...items);
      after = last.id;
    }
    answers[path] = all;
  };
  await list('/v1/regions');
  await list('/v1/clusters');
  await list('/v1/api-keys');
  for (const { id } of await list('/v1/templates')) await list(`/v1/templates/${id}/revisions`);
  for (const { id } of await list('/v1/workloads')) {
    const releases = await list(`/v1/workloads/${id}/releases`);
    for (const { number } of releases) {
      const path = `/v1/workloads/${id}/releases/${number as number}`;
      answers[path] = await get<Item>(path);
    }
  }
  for (const { id } of await list('/v1/rollouts')) answers[`/v1/rollouts/${id}`] = await get<Item>(`/v1/rollouts/${id}`);
  await events('/v1/events');
  return answers;
}
