/** Where the IP packet begins in a frame of each link type (tcpdump.org's LINKTYPE_ registry). */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipOffset, isSupported } from '../../src/io/pcap/link-type.ts';

/** A frame in the middle of other bytes, as in the reader's buffer: nothing outside it may be looked at. */
function offset(linkType: number, frame: readonly number[]): number {
  const surroundings = new Array<number>(64).fill(0);
  const bytes = Uint8Array.from([...surroundings, ...frame, ...surroundings]);
  const at = ipOffset(bytes, 64, 64 + frame.length, linkType);
  return at < 0 ? -1 : at - 64;
}

const MAC = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const IP4 = [0x08, 0x00];
const IP6 = [0x86, 0xdd];
const ARP = [0x08, 0x06];
const tag = (type: number) => [type >> 8, type & 255, 0x20, 0x64];
const PACKET = [0x45, 0, 0, 20];

describe('link types', () => {
  it.each([12, 14, 101, 228, 229])('%d: the packet itself', (linkType) => {
    expect(offset(linkType, PACKET)).toBe(0);
    expect(offset(linkType, [])).toBe(0);
  });

  describe('1, Ethernet', () => {
    it.each([
      ['IPv4', [...MAC, ...IP4, ...PACKET], 14],
      ['IPv6', [...MAC, ...IP6, ...PACKET], 14],
      ['802.1Q', [...MAC, ...tag(0x8100), ...IP6, ...PACKET], 18],
      ['802.1ad with 802.1Q inside', [...MAC, ...tag(0x88a8), ...tag(0x8100), ...IP4, ...PACKET], 22],
      ['QinQ of the older kind', [...MAC, ...tag(0x9100), ...tag(0x8100), ...IP4, ...PACKET], 22],
      ['four tags', [...MAC, ...[1, 2, 3, 4].flatMap(() => tag(0x8100)), ...IP4, ...PACKET], 30],
      ['an empty IP packet', [...MAC, ...IP4], 14],
      ['ARP', [...MAC, ...ARP, ...PACKET], -1],
      ['ARP in a VLAN', [...MAC, ...tag(0x8100), ...ARP, ...PACKET], -1],
      ['LLDP', [...MAC, 0x88, 0xcc, ...PACKET], -1],
      ['802.3 with a length', [...MAC, 0, 40, ...PACKET], -1],
      ['cut off in the addresses', MAC.slice(0, 7), -1],
      ['cut off in the ethertype', [...MAC, 0x08], -1],
      ['cut off in a tag', [...MAC, 0x81, 0x00, 0x20], -1],
      ['cut off behind a tag', [...MAC, ...tag(0x8100), 0x08], -1],
      ['nothing', [], -1],
    ] as [string, number[], number][])('%s', (_, frame, expected) => {
      expect(offset(1, frame)).toBe(expected);
    });
  });

  describe('113, Linux SLL', () => {
    const head = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    it.each([
      ['IPv4', [...head, ...IP4, ...PACKET], 16],
      ['IPv6', [...head, ...IP6, ...PACKET], 16],
      ['802.1Q', [...head, ...tag(0x8100), ...IP4, ...PACKET], 20],
      ['ARP', [...head, ...ARP, ...PACKET], -1],
      ['cut off', head, -1],
    ] as [string, number[], number][])('%s', (_, frame, expected) => {
      expect(offset(113, frame)).toBe(expected);
    });
  });

  describe('276, Linux SLL2', () => {
    const rest = [0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    it.each([
      ['IPv4', [...IP4, ...rest, ...PACKET], 20],
      ['IPv6', [...IP6, ...rest, ...PACKET], 20],
      ['802.1Q', [0x81, 0x00, ...rest, 0x20, 0x64, ...IP6, ...PACKET], 24],
      ['ARP', [...ARP, ...rest, ...PACKET], -1],
      ['cut off', [...IP4, ...rest.slice(1)], -1],
    ] as [string, number[], number][])('%s', (_, frame, expected) => {
      expect(offset(276, frame)).toBe(expected);
    });
  });

  describe('9, 50, 51: PPP and PPPoE', () => {
    const session = [0x11, 0, 0, 1, 0, 22];
    it.each([
      ['with address and control', 9, [0xff, 3, 0, 0x21, ...PACKET], 4],
      ['without', 9, [0, 0x57, ...PACKET], 2],
      ['protocol in one byte', 50, [0xff, 3, 0x21, ...PACKET], 3],
      ['MPLS', 9, [0x02, 0x81, 0, 0, 1, 64, ...PACKET], 6],
      ['LCP', 9, [0xff, 3, 0xc0, 0x21, 1, 1], -1],
      ['IPCP', 9, [0x80, 0x21, 1, 1], -1],
      ['cut off', 9, [0xff, 3], -1],
      ['cut off in the protocol', 9, [0], -1],
      ['PPPoE', 51, [...session, 0, 0x21, ...PACKET], 8],
      ['PPPoE discovery', 51, [0x11, 9, 0, 0, 0, 4, 0, 0x21, ...PACKET], -1],
      ['PPPoE cut off', 51, session.slice(0, 5), -1],
    ] as [string, number, number[], number][])('%s', (_, linkType, frame, expected) => {
      expect(offset(linkType, frame)).toBe(expected);
    });
  });

  describe('MPLS in Ethernet', () => {
    const mpls = [...MAC, 0x88, 0x47];
    it.each([
      ['one label', [...mpls, 0, 1, 1, 64, ...PACKET], 18],
      ['three labels', [...mpls, 0, 1, 0, 64, 0, 2, 0, 64, 0, 3, 1, 64, ...PACKET], 26],
      ['in a VLAN', [...MAC, ...tag(0x8100), 0x88, 0x47, 0, 1, 1, 64, ...PACKET], 22],
      ['a pseudowire', [...mpls, 0, 1, 1, 64, 0, 0, 0, 0, ...MAC], -1],
      ['no bottom of the stack', [...mpls, 0, 1, 0, 64], -1],
      ['nothing behind', [...mpls, 0, 1, 1, 64], -1],
    ] as [string, number[], number][])('%s', (_, frame, expected) => {
      expect(offset(1, frame)).toBe(expected);
    });
  });

  describe('239, NFLOG', () => {
    it.each([
      ['the payload alone', [2, 0, 0, 1, 8, 0, 9, 0, ...PACKET], 8],
      [
        'behind another attribute, padded',
        [10, 0, 0, 1, 5, 0, 10, 0, 65, 0, 0, 0, 8, 0, 9, 0, ...PACKET],
        16,
      ],
      ['big-endian', [2, 0, 0, 1, 0, 8, 0, 9, ...PACKET], 8],
      ['a bridge’s', [7, 0, 0, 1, 8, 0, 9, 0, ...PACKET], -1],
      ['no payload', [2, 0, 0, 1, 8, 0, 1, 0, 8, 0, 1, 0], -1],
      ['an attribute without length', [2, 0, 0, 1, 0, 0, 0, 0, ...PACKET], -1],
    ] as [string, number[], number][])('%s', (_, frame, expected) => {
      expect(offset(239, frame)).toBe(expected);
    });
  });

  describe.each([0, 108])('%d, NULL or LOOP, in either byte order', (linkType) => {
    it.each([2, 10, 24, 28, 30])('address family %d is IP', (family) => {
      expect(offset(linkType, [0, 0, 0, family, ...PACKET])).toBe(4);
      expect(offset(linkType, [family, 0, 0, 0, ...PACKET])).toBe(4);
    });

    it.each([
      ['AppleTalk', [16, 0, 0, 0, ...PACKET]],
      ['a large number', [2, 0, 0, 1, ...PACKET]],
      ['the family in a middle byte', [0, 2, 0, 0, ...PACKET]],
      ['cut off', [0, 0, 0]],
    ] as [string, number[]][])('%s is not', (_, frame) => {
      expect(offset(linkType, frame)).toBe(-1);
    });
  });

  it('any frame of any link type: an offset within it, or -1', () => {
    const linkTypes = [0, 1, 9, 50, 51, 239, 12, 14, 101, 108, 113, 228, 229, 276];
    expect(linkTypes.every(isSupported)).toBe(true);
    fc.assert(
      fc.property(fc.constantFrom(...linkTypes), fc.uint8Array({ maxLength: 60 }), (linkType, frame) => {
        const at = offset(linkType, [...frame]);
        expect(at).toBeGreaterThanOrEqual(-1);
        expect(at).toBeLessThanOrEqual(frame.length);
      }),
      { numRuns: 5000, seed: 3 },
    );
  });
});
