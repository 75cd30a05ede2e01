import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressRefusal, parseNetworks } from '../../../src/platform/net/address.ts';

describe('addresses that anyone may name', () => {
  it.each([
    '8.8.8.8',
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.255.255',
    '169.253.0.1',
    '2606:4700::1111',
    '[2a00:1450:4001::1]',
    '::ffff:8.8.8.8',
  ])('%s', (address) => {
    expect(addressRefusal(address, [])).toBeNull();
  });
});

describe('addresses that only the operator may open', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['2130706433', 'loopback'],
    ['0x7f000001', 'loopback'],
    ['0177.0.0.1', 'loopback'],
    ['127.1', 'loopback'],
    ['::1', 'loopback'],
    ['[::1]', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::ffff:7f00:1', 'loopback'],
    ['10.0.0.1', 'private'],
    ['172.16.0.1', 'private'],
    ['192.168.1.1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['fd00::1', 'private'],
    ['fd00:ec2::254', 'private'],
    ['169.254.169.254', 'link-local'],
    ['::ffff:169.254.169.254', 'link-local'],
    ['fe80::1', 'link-local'],
    ['100.64.0.1', 'carrier-grade'],
    ['100.100.100.200', 'carrier-grade'],
    ['0.0.0.0', 'unspecified'],
    ['0.1.2.3', 'unspecified'],
    ['::', 'unspecified'],
    ['224.0.0.1', 'multicast'],
    ['ff02::1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['240.0.0.1', 'reserved'],
    ['192.0.2.1', 'reserved'],
    ['198.18.0.1', 'reserved'],
    ['192.0.0.170', 'reserved'],
    ['168.63.129.16', 'reserved'],
    ['64:ff9b::7f00:1', 'NAT64'],
    ['64:ff9b::8.8.8.8', 'NAT64'],
    ['64:ff9b:1::a00:1', 'NAT64'],
    ['2002:7f00:1::', '6to4'],
    ['2001::1', 'Teredo'],
    ['::7f00:1', 'reserved'],
    ['::127.0.0.1', 'loopback'],
    ['fec0::1', 'reserved'],
    ['2001:db8::1', 'reserved'],
    ['100::1', 'reserved'],
    ['4000::1', 'reserved'],
    ['fe80::1%eth0', 'link-local'],
  ])('%s is %s', (address, reason) => {
    expect(addressRefusal(address, [])).toContain(reason);
  });

  it.each(['', 'localhost', '1.2.3.4.5', '256.0.0.1', 'http://1.1.1.1', '1.1.1.1:443', '::1::'])('%j is no address at all', (text) => {
    expect(addressRefusal(text, [])).toBe('not an IP address');
  });
});

describe('what the operator opens', () => {
  it('is open in each way of writing it, and nothing beside it is', () => {
    const allowed = parseNetworks(['10.1.0.0/16', '127.0.0.1', 'fd00:1::/32', '64:ff9b::/96']);
    for (const address of ['10.1.2.3', '::ffff:10.1.2.3', '127.0.0.1', 'fd00:1::5', '64:ff9b::808:808'])
      expect(addressRefusal(address, allowed), address).toBeNull();
    for (const address of ['10.2.0.1', '127.0.0.2', '::1', 'fd00:2::5', '169.254.169.254'])
      expect(addressRefusal(address, allowed), address).not.toBeNull();
  });

  it.each(['10.0.0.0/33', 'ten', '10.0.0/x', '', 'fd00::/129'])('%j is not a network, and is named', (text) => {
    expect(() => parseNetworks(['10.0.0.0/8', text])).toThrow(`"${text}" is not a network`);
  });

  it('holds for every IPv4 address, mapped into IPv6 or not', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(addressRefusal(`::ffff:${address}`, [])).toBe(addressRefusal(address, []));
      }),
    );
  });
});
