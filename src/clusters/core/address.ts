import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A range of addresses in CIDR notation, read. */
export type Network = readonly [address: Address, prefixLength: number];

/** Outside 2000::/3 nothing is global unicast (RFC 4291, IANA's registry); what is special within it `ipaddr.js` knows. */
const globalUnicast: Network = ipaddr.parseCIDR('2000::/3');

/** Public by its range, yet each Azure machine's own platform (metadata, DNS, agents) answers there. */
const platformAddresses = ['168.63.129.16'];

const rangeNames: Record<string, string> = {
  loopback: 'a loopback address',
  private: 'a private address',
  linkLocal: 'a link-local address, where metadata services answer',
  uniqueLocal: 'a private address',
  carrierGradeNat: 'a carrier-grade NAT address',
  unspecified: 'the unspecified address',
  multicast: 'a multicast address',
  broadcast: 'the broadcast address',
  rfc6052: 'a NAT64 address',
  '6to4': 'a 6to4 address',
  teredo: 'a Teredo address',
};

/**
 * Reads CIDR ranges such as `10.0.0.0/8` or `fd00::/8`; a bare address is a range of one.
 *
 * @throws Error naming the first text that is neither.
 */
export function parseNetworks(texts: readonly string[]): Network[] {
  return texts.map((text) => {
    try {
      if (text.includes('/')) return ipaddr.parseCIDR(text);
      const address = ipaddr.parse(text);
      return [address, address.kind() === 'ipv4' ? 32 : 128] as const;
    } catch {
      throw new Error(`"${text}" is not a network in CIDR notation, as 10.0.0.0/8 is`);
    }
  });
}

/**
 * Why this address must not be connected to, as a phrase that follows "is", or null where it may be.
 * Only global unicast addresses are open to everyone, because a tenant names the address and we stand inside the operator's network; the operator opens
 * others by `allowed`. An IPv4 address mapped into IPv6 is judged as the IPv4 address that the kernel would connect to.
 */
export function addressRefusal(text: string, allowed: readonly Network[]): string | null {
  const bare = text.replace(/^\[|\]$/g, '');
  if (!ipaddr.isValid(bare)) return 'not an IP address';
  const address = ipaddr.process(bare);
  if (allowed.some(([network, length]) => network.kind() === address.kind() && address.match(network, length))) return null;
  const range: string = address.range();
  const open = range === 'unicast' && !platformAddresses.includes(address.toString());
  if (open && (address.kind() === 'ipv4' || address.match(globalUnicast[0], globalUnicast[1]))) return null;
  return rangeNames[range] ?? 'a reserved address';
}
