import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** A parsed range of addresses in CIDR notation. */
export type Network = readonly [address: Address, prefixLength: number];

/** Only 2000::/3 is global unicast (RFC 4291, IANA's registry). `ipaddr.js` knows the special ranges within it. */
const globalUnicast: Network = ipaddr.parseCIDR('2000::/3');

/** A public address at which each Azure machine's platform answers (metadata, DNS, agents). */
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
 * Parses CIDR ranges such as `10.0.0.0/8` or `fd00::/8`. A bare address is a range of one.
 *
 * @throws Error with the first text that is neither.
 */
export function parseNetworks(texts: readonly string[]): Network[] {
  return texts.map((text) => {
    try {
      if (text.includes('/')) return ipaddr.parseCIDR(text);
      const address = ipaddr.parse(text);
      return [address, address.kind() === 'ipv4' ? 32 : 128] as const;
    } catch {
      throw new Error(`"${text}" is not a network in CIDR notation, such as 10.0.0.0/8`);
    }
  });
}

/**
 * Why connecting to this address is forbidden, as a phrase that follows "is"; null if it is allowed.
 * Only global unicast addresses are allowed by default, because a tenant chooses the address and we run inside the operator's network. The operator allows
 * others by `allowed`. An IPv4-mapped IPv6 address is treated as the IPv4 address that the kernel would connect to.
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
