import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestPostgres } from './postgres.ts';

/** Variable with the URL at which a test process requests the run's Postgres. */
export const SUPPORT_VARIABLE = 'SLIPWAY_TEST_SUPPORT';

/**
 * One Postgres for a whole run, started when the first suite requests a database. Returns the function that stops it. For vitest's `globalSetup`.
 */
export default async function setup(): Promise<() => Promise<void>> {
  let starting: Promise<TestPostgres> | null = null;
  const start = async (): Promise<TestPostgres> => {
    const { startPostgres } = await import('./postgres.ts');
    // Dozens of databases at once, none of which lasts: memory for all of them, and no vacuum.
    const settings = { shared_buffers: '256MB', autovacuum: 'off' };
    return startPostgres({ durable: false, maxConnections: 400, settings });
  };
  const server = createServer((_request, response) => {
    starting ??= start();
    starting.then(
      ({ ownerUrl, appUrl, pid }) => response.end(JSON.stringify({ ownerUrl, appUrl, pid })),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.env[SUPPORT_VARIABLE] = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return async () => {
    server.closeAllConnections();
    server.close();
    const running = await starting?.catch(() => null);
    await running?.close();
  };
}
