import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/platform/db/database.ts';
import { Problem } from '../../../src/platform/problem.ts';
import { freshDatabase, onConnection } from '../../support/database.ts';
import type { FreshDatabase } from '../../support/database.ts';

let fresh: FreshDatabase;
let database: Database;
const tenantId = randomUUID();

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database({ url: fresh.appUrl, poolSize: 8 });
  await database.as({ tenantId }, () =>
    database.rows.tenant.create({ data: { id: tenantId, name: 'stormy', dataKeySealed: Buffer.from('k'), eventHead: { create: {} } } }),
  );
});

afterAll(async () => {
  await database.close();
  await fresh.drop();
});

const seq = async (): Promise<bigint> => (await database.as({ tenantId }, () => database.rows.eventHead.findFirstOrThrow())).seq;

const increment = () =>
  database.as({ tenantId }, () =>
    database.transaction(async () => {
      await database.rows.tenant.findFirst();
      await database.rows.eventHead.update({ where: { tenantId }, data: { seq: { increment: 1 } } });
    }),
  );

describe('a storm of cut connections', () => {
  it('fails what was under way as UNAVAILABLE, loses no committed update, and is over when it is over', async () => {
    let over = false;
    const outcomes = { done: 0, unavailable: 0, others: [] as unknown[] };
    const note = (error: unknown): void => {
      if (error instanceof Problem && error.code === 'UNAVAILABLE') outcomes.unavailable++;
      else outcomes.others.push(error);
    };
    const work = async (): Promise<void> => {
      while (!over) await increment().then(() => outcomes.done++, note);
    };
    const read = async (): Promise<void> => {
      while (!over) await Promise.all([seq(), database.now()]).catch(note);
    };
    const busy = Promise.all([work(), work(), work(), work(), read(), read()]);

    await onConnection(fresh.ownerUrl, async (client) => {
      for (let cut = 0; cut < 15; cut++) {
        const before = outcomes.done;
        while (outcomes.done < before + 5) await new Promise((resolve) => setTimeout(resolve, 5));
        await client.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
        );
      }
    });
    over = true;
    await busy;

    expect(outcomes.others).toEqual([]);
    expect(outcomes.unavailable).toBeGreaterThan(0);
    // What failed may still have been committed, when only the answer was lost; what succeeded has been.
    const counted = Number(await seq());
    expect(counted).toBeGreaterThanOrEqual(outcomes.done);
    expect(counted).toBeLessThanOrEqual(outcomes.done + outcomes.unavailable);
    await increment();
    expect(Number(await seq())).toBe(counted + 1);
  });
});
