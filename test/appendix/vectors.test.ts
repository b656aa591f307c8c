/** The worked examples A1 to A16, byte for byte. */
import { describe, expect, test } from 'vitest';
import { parseIp4, parsePrefix6 } from '../../src/address/parse.ts';
import { embed, extract } from '../../src/address/rfc6052.ts';
import { as4, as6 } from '../support/expect.ts';
import { translate } from '../support/must.ts';
import { fromHex, hex, ip6, opaque, v4, v6 } from '../support/packets.ts';

const VECTORS: readonly (readonly [name: string, input: string, output: string, vnetBytes?: 10])[] = [
  [
    'A1 UDP 4→6 (TOS b8, DF, odd length) [T46-HDR, T46-L4-1]',
    '45b800211234400040113ba9c6336402c00002019c400035000d335568656c6c6f',
    '6b800000000d113f20010db80064000000000000c633640220010db80001000000000000000000019c400035000d997e68656c6c6f',
  ],
  [
    'A2 UDP 6→4, TL≤1260 so DF=0; flow label discarded; ID generator returns abcd [T64-HDR, T64-DF-1]',
    '620abcde000c114020010db800010000000000000000000120010db80064000000000000c633640200359c40000c53c868692121',
    '45200020abcd00003f11e3a8c0000201c633640200359c40000ced9e68692121',
  ],
  [
    'A3 TCP SYN 4→6, IHL=6 (NOP NOP NOP EOL dropped), DF=0 small ⇒ no Fragment Header [T46-OPT-1, T46-FRAG-1]',
    '460000300007000040068b89c6336402c000020101010100c35001bb01020304000000006002faf0e7ec0000020405b4',
    '600000000018063f20010db80064000000000000c633640220010db8000100000000000000000001c35001bb01020304000000006002faf04e160000020405b4',
  ],
  [
    'A4 TCP SYN-ACK 6→4, Hop-by-Hop header skipped, Hop Limit 2→1 [T64-EXT-1]',
    '60000000001c000220010db800010000000000000000000120010db80064000000000000c6336402060001040000000001bbc3500a0b0c0d010203055012ffff4a9a0000',
    '45000028abcd0000010621ccc0000201c633640201bbc3500a0b0c0d010203055012ffffe4700000',
  ],
  [
    'A5 ICMPv4 echo request → ICMPv6 [I46-Q]',
    '450000240001400040014ea1c6336402c00002010800eef1777700016162636465666768',
    '6000000000103a3f20010db80064000000000000c633640220010db80001000000000000000000018000f098777700016162636465666768',
  ],
  [
    'A6 ICMPv6 echo reply → ICMPv4 [I64-Q]',
    '6000000000103a4020010db800010000000000000000000120010db80064000000000000c63364028100ef98777700016162636465666768',
    '45000024abcd00003f01e3d4c0000201c63364020000f6f1777700016162636465666768',
  ],
  [
    'A7 UDP checksum 0, unfragmented, mode `calc` [T46-L4-3]',
    '4500001e0002400040114e96c6336402c000020103e807d0000a00006f6b',
    '60000000000a113f20010db80064000000000000c633640220010db800010000000000000000000103e807d0000afea86f6b',
  ],
  [
    'A8 first IPv4 fragment (DF=0, MF=1, ID beef) → IPv6 fragment [T46-FRAG-2/4]',
    '45000024beef20004011afa2c6336402c0000201000500060018db3b0001020304050607',
    '6000000000182c3f20010db80064000000000000c633640220010db8000100000000000000000001110000010000beef00050006001841650001020304050607',
  ],
  [
    'A9 last IPv6 fragment (offset 2×8, ID 0102beef) → IPv4, low 16 ID bits, DF=0, payload untouched [T64-FRAG-1]',
    '6000000000102c0920010db80064000000000000c633640220010db8000100000000000000000001110000100102beef08090a0b0c0d0e0f',
    '4500001cbeef0002081107a9c6336402c000020108090a0b0c0d0e0f',
  ],
  [
    'A10 Frag Needed MTU 1400, inner = IP header + 8 bytes of a 1428-byte UDP packet → PTB MTU 1420; inner TTL unchanged, inner Total Length kept, inner UDP checksum adjusted [I46-PTB-1, IERR]',
    '45c00038000300003c017ff7cb007109c0000201030452b60000057845000594000040003d114c22c0000201c633640200359c40058002d8',
    '6c00000000383a3b20010db80064000000000000cb00710920010db80001000000000000000000010200585c0000058c600000000580113d20010db800010000000000000000000120010db80064000000000000c633640200359c4005806901',
  ],
  [
    'A11 Time Exceeded from untranslatable IPv6 router → source 192.0.0.8; inner ID=0, inner DF=0 (TL≤1260) [I64-E, RSRC-1, IERR-6]',
    '60000000003c3a3e20010db8ffff0000000000000000000120010db80064000000000000c63364020300058c0000000060000000000c110120010db80064000000000000c633640220010db800010000000000000000000180e8829a000cb17e61626364',
    '4500003cabcd00003d01e7b5c0000008c63364020b00e1540000000045000020000000000111cd96c6336402c000020180e8829a000c4b5561626364',
  ],
  [
    'A12 IPv4 TTL=1 → generated Time Exceeded from ipv4-addr 192.0.2.254 [T46-HDR-6, GERR-3]',
    '4500001c000900000111cd91c6336402c000020180e8829a00081024',
    '45c00038abcd00004001e103c00002fec63364020b00e150000000004500001c000900000111cd91c6336402c000020180e8829a00081024',
  ],
  [
    'A13 IPv6 Routing header Segments Left=1 → Parameter Problem 4/0 pointer 43 (=40+3) [T64-EXT-3]',
    '6000000000202b4020010db800010000000000000000000120010db80064000000000000c6336402110204010000000020010db800010000000000000000000900010002000879cd',
    '6000000000503a4020010db80001000000000000000000fe20010db80001000000000000000000010400d0c90000002b6000000000202b4020010db800010000000000000000000120010db80064000000000000c6336402110204010000000020010db800010000000000000000000900010002000879cd',
  ],
  [
    'A14 GSO TCPv4→TCPv6, 10-byte vnet header, gso_size 8, 20 data bytes, NEEDS_CSUM: field = folded pseudo-header sum (ec65→863c), not complemented [OFF-3..6]',
    '010128000800140010004500003c0010400040064e75c6336402c0000201c35001bb000000010000000250180200ec650000000102030405060708090a0b0c0d0e0f10111213',
    '01043c00080028001000600000000028063f20010db80064000000000000c633640220010db8000100000000000000000001c35001bb000000010000000250180200863c0000000102030405060708090a0b0c0d0e0f10111213',
    10,
  ],
];

describe('Appendix A', () => {
  test.each(VECTORS.map((vector) => [vector[0], vector] as const))(
    '%s',
    (_name, [, input, output, vnetBytes]) => {
      const { outputs } = translate(fromHex(input), { vnetBytes: vnetBytes ?? 0 });
      expect(outputs.map((bytes) => hex(bytes))).toEqual([output]);
    },
  );

  /** A15: RFC 6052 §2.4, 192.0.2.33 [ADDR-3]. */
  test.each([
    ['2001:db8::/32', '20010db8c00002210000000000000000'],
    ['2001:db8:100::/40', '20010db801c000020021000000000000'],
    ['2001:db8:122::/48', '20010db80122c0000002210000000000'],
    ['2001:db8:122:300::/56', '20010db8012203c00000022100000000'],
    ['2001:db8:122:344::/64', '20010db80122034400c0000221000000'],
    ['2001:db8:122:344::/96', '20010db80122034400000000c0000221'],
  ])('A15 %s [ADDR-3]', (prefix, address) => {
    const parsed = parsePrefix6(prefix);
    const v4Address = parseIp4('192.0.2.33');
    if (!parsed.ok || !v4Address.ok) throw new Error('unreachable');
    const view = new DataView(new ArrayBuffer(16));
    const { length } = parsed.value;
    embed(view, 0, ...(parsed.value.address as [number, number, number, number]), length, v4Address.value);
    expect(hex(new Uint8Array(view.buffer))).toBe(address);
    expect(extract(view.getInt32(4), view.getInt32(8), view.getInt32(12), length)).toBe(v4Address.value);
  });

  /** A16: the IPv4 suffix stands right behind the IPv6 prefix [EAM-2]. */
  test.each([
    ['198.51.100.0/24=2001:db8:bbbb::/64', '198.51.100.7', '2001:db8:bbbb:0:700::'],
    ['203.0.113.8/29=2001:db8:cccc::/125', '203.0.113.13', '2001:db8:cccc::5'],
  ])('A16 %s: %s is %s [EAM-2]', (eam, v4Address, v6Address) => {
    const options = { eam: ['192.0.2.1=2001:db8:1::1', eam] };
    const there = translate(v4({ dst: v4Address, payload: [1, 2, 3, 4] }), { options });
    expect(hex(there.outputs[0]!.subarray(24, 40))).toBe(hex(ip6(v6Address)));
    expect(hex(there.outputs[0]!)).toBe(hex(as6(opaque(99, [1, 2, 3, 4]), { dst: v6Address })));
    const back = translate(v6({ src: v6Address, dst: '2001:db8:64::192.0.2.77', payload: [1, 2, 3, 4] }), {
      options,
    });
    expect(hex(back.outputs[0]!)).toBe(
      hex(as4(opaque(99, [1, 2, 3, 4]), { src: v4Address, dst: '192.0.2.77' })),
    );
  });
});
