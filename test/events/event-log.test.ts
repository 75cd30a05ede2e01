import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Announce } from '../../src/platform/queue/announce.ts';
import type { Announcement } from '../../src/platform/queue/announce.ts';
import { Database } from '../../src/platform/db/database.ts';
import { EventLog } from '../../src/events/event-log.ts';
import type { NewEvent } from '../../src/events/event-log.ts';
import { eventOf } from '../../src/events/event.model.ts';
import { emptyDatabase, freshDatabase, onConnection } from '../support/database.ts';
import type { FreshDatabase } from '../support/database.ts';

let fresh: FreshDatabase;
let database: Database;
let announce: Announce;
let log: EventLog;

beforeAll(async () => {
  fresh = await freshDatabase();
  database = new Database({ url: fresh.appUrl, poolSize: 10, waitMilliseconds: 20_000 });
  announce = new Announce({ url: fresh.appUrl });
  log = new EventLog(database, announce);
});

afterAll(async () => {
  await announce.close();
  await database.close();
  await fresh.drop();
});

async function makeTenant(): Promise<string> {
  const id = randomUUID();
  await database.as({ tenantId: id }, () =>
    database.transaction(async () => {
      await database.rows.tenant.create({ data: { id, name: id, dataKeySealed: Buffer.from('k') } });
      await database.rows.eventHead.create({ data: { tenantId: id } });
    }),
  );
  return id;
}

const inTenant = <T>(tenantId: string, work: () => Promise<T>): Promise<T> => database.as({ tenantId }, () => database.transaction(work));
const eventsOf = (tenantId: string) => database.as({ tenantId }, () => database.rows.event.findMany({ orderBy: { seq: 'asc' } }));

describe('the event log', () => {
  it('numbers without a gap, in the order of the commits, under many transactions of which some are rolled back', async () => {
    const tenantId = await makeTenant();
    const committed: string[] = [];
    const one = (index: number) =>
      inTenant(tenantId, async () => {
        log.append([{ type: 'target.started', message: `First of ${index}.` }]);
        await database.rows.template.create({ data: { tenantId, id: randomUUID(), name: `t-${index}` } });
        log.append([{ type: 'target.step', message: `Second of ${index}.`, data: { index } }]);
        if (index % 3 === 0) throw new Error('taken back');
        database.afterCommit(() => committed.push(`First of ${index}.`));
      }).catch((error: unknown) => {
        if (!(error instanceof Error) || error.message !== 'taken back') throw error;
      });

    await Promise.all(Array.from({ length: 50 }, (_, index) => one(index)));

    const events = await eventsOf(tenantId);
    expect(events.map((event) => event.seq)).toEqual(events.map((_, index) => BigInt(index + 1)));
    expect(events).toHaveLength(committed.length * 2);
    expect(
      events
        .filter((event) => event.type === 'target.started')
        .map((event) => event.message)
        .sort(),
    ).toEqual([...committed].sort());
    for (let index = 0; index < events.length; index += 2)
      expect(events[index + 1]?.message).toBe(events[index]?.message.replace('First', 'Second'));
    const times = events.map((event) => event.time.getTime());
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it('never lets a reader see a number before a smaller one', async () => {
    const tenantId = await makeTenant();
    let seen = 0n;
    let over = false;
    const reader = (async () => {
      while (!over) {
        const fresh = await database.as({ tenantId }, () =>
          database.rows.event.findMany({ where: { seq: { gt: seen } }, orderBy: { seq: 'asc' } }),
        );
        for (const event of fresh) expect(event.seq).toBe(++seen);
      }
    })();
    await Promise.all(
      Array.from({ length: 30 }, (_, index) => inTenant(tenantId, async () => log.append([{ type: 'target.step', message: `${index}` }]))),
    );
    over = true;
    await reader;
    const rest = await eventsOf(tenantId);
    expect(rest).toHaveLength(30);
  });

  it('announces after the commit, and nothing after a rollback', async () => {
    const tenantId = await makeTenant();
    const heard: Announcement[] = [];
    const stop = announce.subscribe((announcement) => heard.push(announcement));

    await inTenant(tenantId, async () => {
      log.append([{ type: 'target.started', message: 'Told.' }]);
      expect(heard).toEqual([]);
    });
    await inTenant(tenantId, async () => {
      log.append([{ type: 'target.failed', message: 'Untold.' }]);
      throw new Error('no');
    }).catch(() => undefined);
    stop();

    expect(heard).toEqual([{ kind: 'events', tenantId }]);
  });

  it('keeps what it is given, to the letter', async () => {
    const tenantId = await makeTenant();
    const [workloadId, rolloutId, targetId] = [randomUUID(), randomUUID(), randomUUID()];
    const data = { nested: { list: [1, 'two', null] }, quote: `'"\\` };

    await inTenant(tenantId, async () =>
      log.append([{ type: 'target.failed', message: 'It is "broken": \u{1F4A5}', workloadId, rolloutId, targetId, data }]),
    );

    expect(await eventsOf(tenantId)).toMatchObject([
      { seq: 1n, type: 'target.failed', message: 'It is "broken": \u{1F4A5}', workloadId, rolloutId, targetId, data },
    ]);
  });

  it('keeps the code of a reason beside the sentence, and its data with the others', async () => {
    const tenantId = await makeTenant();
    const reason = { code: 'NO_WORKER', data: { region: 'eu' } };
    await inTenant(tenantId, async () =>
      log.append([
        { type: 'target.unreachable', message: 'No worker serves region eu.', reason, data: { cluster: 'c' } },
        { type: 'rollout.started', message: 'Started.' },
      ]),
    );
    expect((await eventsOf(tenantId)).map(eventOf)).toMatchObject([
      { code: 'NO_WORKER', message: 'No worker serves region eu.', data: { cluster: 'c', reasonData: { region: 'eu' } } },
      { code: null, message: 'Started.', data: {} },
    ]);
  });

  it('shows events of before the codes as LEGACY', async () => {
    const migration = readFileSync(
      new URL('../../prisma/migrations/20261129072050_codes_of_events/migration.sql', import.meta.url),
      'utf8',
    );
    const before = await emptyDatabase();
    const codes = await onConnection(before.ownerUrl, async (client) => {
      await client.query('CREATE TABLE events (seq int); INSERT INTO events VALUES (1)');
      await client.query(migration);
      await client.query('INSERT INTO events VALUES (2)');
      return (await client.query<{ code: string | null }>('SELECT code FROM events ORDER BY seq')).rows.map(({ code }) => code);
    });
    await before.drop();
    expect(codes).toEqual(['LEGACY', null]);
  });

  it('takes no type that no feature has registered', async () => {
    // @ts-expect-error the list is closed
    const event: NewEvent = { type: 'rollout.finished', message: '' };
    expect(event).toBeDefined();
  });

  it('refuses events outside a transaction, and those of a tenant that has no head', async () => {
    const tenantId = await makeTenant();
    await expect(database.as({ tenantId }, async () => log.append([{ type: 'target.step', message: 'X.' }]))).rejects.toThrow(
      /transaction/,
    );
    const stranger = randomUUID();
    await expect(inTenant(stranger, async () => log.append([{ type: 'target.step', message: 'X.' }]))).rejects.toThrow();
    expect(await eventsOf(stranger)).toEqual([]);
  });
});
