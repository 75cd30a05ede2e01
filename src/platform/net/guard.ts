import { lookup } from 'node:dns/promises';
import type { LookupAddress, LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import { buildConnector } from 'undici';
import { addressRefusal } from './address.ts';
import type { Network } from './address.ts';

/** Resolves a name to all of its addresses. */
export type Resolve = (hostname: string) => Promise<LookupAddress[]>;

const systemResolve: Resolve = (hostname) => lookup(hostname, { all: true, verbatim: true });

type LookupCallback = (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void;

/** The address of an outgoing connection is forbidden. The message is a sentence without an end, for the caller to complete: `<host> is a private address`. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

const refused = (hostname: string, reason: string): AddressRefused => new AddressRefused(`${hostname} is ${reason}`);

export type GuardOptions = buildConnector.BuildOptions & {
  /** Networks that may be connected to besides public addresses. */
  allowed: readonly Network[];
  /** Default: the system's resolver. */
  resolve?: Resolve;
};

/**
 * Connects to allowed addresses only: the `connect` of any of undici's dispatchers whose host a tenant chooses. The other options are the connection's own,
 * such as TLS and its timeout. Refusals are `AddressRefused`.
 *
 *     new Agent({ connect: guardedConnector({ allowed, timeout: 5_000 }) })
 *
 * A name is resolved here, once per connection, and the socket gets the checked addresses, so DNS rebinding between check and use has no effect. If one of
 * several addresses is forbidden, the name is.
 */
export function guardedConnector({ allowed, resolve = systemResolve, ...options }: GuardOptions): buildConnector.connector {
  const check = (hostname: string, addresses: readonly LookupAddress[]): void => {
    for (const { address } of addresses) {
      const reason = addressRefusal(address, allowed);
      if (reason !== null) throw refused(hostname, isIP(hostname) === 0 ? `at ${address}, which is ${reason}` : reason);
    }
  };
  const guardedLookup = (hostname: string, wanted: LookupOptions, callback: LookupCallback): void => {
    resolve(hostname).then(
      (addresses) => {
        try {
          check(hostname, addresses);
        } catch (error) {
          callback(error as Error, []);
          return;
        }
        const first = addresses[0];
        if (first === undefined) callback(Object.assign(new Error('no address'), { code: 'ENOTFOUND' }), []);
        else if (wanted.all === true) callback(null, addresses);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, []),
    );
  };
  const connect = buildConnector({ ...options, lookup: guardedLookup });
  return (target, callback) => {
    // A literal address never reaches the lookup.
    const hostname = target.hostname.replace(/^\[|\]$/g, '');
    if (isIP(hostname) !== 0) {
      const reason = addressRefusal(hostname, allowed);
      if (reason !== null) {
        callback(refused(hostname, reason), null);
        return;
      }
    }
    connect(target, callback);
  };
}
