import type pg from 'pg';

const ignore = (): void => undefined;

/**
 * A connection that dies does not end the process: one that lies idle is told about and replaced, and whoever uses one hears of it by the failure of their
 * statement. The pool's own listener is taken off while a connection is handed out, so each connection has one for as long as it lives. Of a pool that is ending
 * nothing is told: a server that stops at the same time may be quicker than our goodbye.
 */
export function outliveConnections(pool: pg.Pool, onError: (error: Error) => void): pg.Pool {
  const tell = (error: Error): void => {
    if (!pool.ending) onError(error);
  };
  return pool.on('connect', (client) => client.on('error', ignore)).on('error', tell);
}
