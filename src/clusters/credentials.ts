import { isIP } from 'node:net';
import { invalid } from '../common/problem.ts';
import { addressRefusal, type Network } from './core/address.ts';
import type { Credential } from './core/credential.ts';
import { parseConnection, parseKubeconfig } from './core/kubeconfig.ts';

/** Credentials as they are given, in one of two forms; the model has seen to it that it is one. */
export interface Credentials {
  kubeconfig?: string | undefined;
  server?: string | undefined;
  caData?: string | undefined;
  token?: string | undefined;
}

/** What is kept of them. Throws INVALID with everything that is wrong; faults within a kubeconfig are below `/kubeconfig`. */
export function credentialOf(given: Credentials, allowed: readonly Network[]): Credential {
  const { kubeconfig, server = '', caData = '', token = '' } = given;
  const at = kubeconfig === undefined ? '' : '/kubeconfig';
  const reading = kubeconfig === undefined ? parseConnection({ server, caData, token }) : parseKubeconfig(kubeconfig);
  if (reading.faults) throw invalid(...reading.faults.map(({ pointer = '', detail }) => ({ pointer: at + pointer, detail })));
  const refusal = literalRefusal(reading.credential.server, allowed);
  if (refusal !== null)
    throw invalid({
      pointer: kubeconfig === undefined ? '/server' : at,
      detail: `the server's address is ${refusal}, which this installation does not allow`,
    });
  return reading.credential;
}

/** An address that is written out is judged at once; a name is resolved by whoever connects, and judged each time. */
function literalRefusal(server: string, allowed: readonly Network[]): string | null {
  const host = new URL(server).hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return addressRefusal('127.0.0.1', allowed);
  return isIP(host) === 0 ? null : addressRefusal(host, allowed);
}
