import type pg from 'pg';

const ignore = (): void => undefined;

/**
 * Keeps a lost connection from ending the process. The loss of an idle connection is reported, and that of one in use fails its statement. The pool removes
 * its own listener while a connection is checked out, so each connection gets one for its lifetime. While the pool is closing, errors are ignored: the server
 * may close connections first.
 */
export function outliveConnections(pool: pg.Pool, onError: (error: Error) => void): pg.Pool {
  const tell = (error: Error): void => {
    if (!pool.ending) onError(error);
  };
  return pool.on('connect', (client) => client.on('error', ignore)).on('error', tell);
}
