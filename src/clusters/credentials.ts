import { isIP } from 'node:net';
import { invalid } from '../platform/problem.ts';
import { addressRefusal, type Network } from '../platform/net/address.ts';
import type { Credential } from './core/credential.ts';
import { parseConnection, parseKubeconfig } from './core/kubeconfig.ts';

/** Given credentials, in exactly one of two forms, as checked by the model. */
export interface Credentials {
  kubeconfig?: string | undefined;
  server?: string | undefined;
  caData?: string | undefined;
  token?: string | undefined;
}

/** The part to store. Throws INVALID with all faults; those of a kubeconfig are below `/kubeconfig`. */
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

/** A literal address is checked at once. A name is resolved and checked at each connect. */
function literalRefusal(server: string, allowed: readonly Network[]): string | null {
  const host = new URL(server).hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return addressRefusal('127.0.0.1', allowed);
  return isIP(host) === 0 ? null : addressRefusal(host, allowed);
}
