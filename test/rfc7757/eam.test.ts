/** RFC 7757: explicit address mappings and hairpinning. EAM-*. */
import { describe, expect, test } from 'vitest';
import { loadTranslation } from '../../src/config/load.ts';
import { as4, as6, error6, pieces } from '../support/expect.ts';
import { because, becomes, configure, hairpins, must, passes, replies, translator } from '../support/must.ts';
import {
  type Bytes,
  counting,
  fh,
  hex,
  icmp6,
  opaque,
  packet4,
  packet6,
  tcp,
  u32,
  udp,
  v6,
} from '../support/packets.ts';

const data = opaque(99, [1, 2, 3, 4]);
const refused = (...eam: string[]): string[] => {
  const loaded = loadTranslation({ eam }, { read: () => new Uint8Array() });
  return loaded.ok ? [] : loaded.mistakes.map(({ message }) => message);
};
const warned = (...eam: string[]): string[] => {
  const loaded = loadTranslation({ eam, pool6: '2001:db8:64::/96' }, { read: () => new Uint8Array() });
  return loaded.ok ? loaded.warnings : ['refused'];
};

describe('EAM-1: entries', () => {
  test.each([
    ['192.0.2.0/24=2001:db8::/121', /suffix bits/],
    ['0.0.0.0/0=2001:db8::/97', /suffix bits/],
    ['192.0.2.1/24=2001:db8::/120', /not 0/],
    ['192.0.2.0/24=2001:db8::1/120', /not 0/],
    ['192.0.2.0/33=2001:db8::/120', /0 to 32/],
    ['192.0.2.0/24=2001:db8::/129', /0 to 128/],
    ['10.0.0.1=fe80::1', /link-local/],
    ['10.0.0.1=ff02::1', /multicast/],
    ['10.0.0.1=::1', /reserved/],
    ['10.0.0.1=64:ff9c::1', /reserved/],
    ['127.0.0.1=2001:db8::1', /127/],
    ['0.1.2.3=2001:db8::1', /0\.0\.0\.0/],
    ['224.0.0.0/8=2001:db8::/32', /multicast/],
    ['255.255.255.255=2001:db8::1', /broadcast/],
    ['10.0.0.1', /mapping/],
    ['10.0.0.1=2001:db8::1=x', /mapping/],
  ])('%s is refused', (eam, message) => {
    expect(refused(eam)).toEqual([expect.stringMatching(message)]);
  });
  test.each([
    '0.0.0.0/0=2001:db8::/96',
    '1.2.3.4=::/0',
    '192.0.2.0/24=2001:db8::/64',
    '0.0.0.0/7=2001:db8::/64',
    '10.0.0.1=64:ff9b::1',
    '240.0.0.1=2001:db8::1',
  ])('%s is taken', (eam) => {
    expect(refused(eam)).toEqual([]);
  });
});

describe('EAM-2: unequal suffixes', () => {
  const options = { eam: ['10.1.0.0/16=2001:db8:a::/56', '192.0.2.1=2001:db8:1::1'] };
  must(
    'EAM-2',
    '46: suffix right behind the prefix',
    packet4(data, { dst: '10.1.2.3' }),
    becomes(as6(data, { dst: '2001:db8:a:2:300::' })),
    { options },
  );
  must(
    'EAM-2',
    '64: further bits are ignored',
    packet6(data, { src: '2001:db8:a:2:3ff:ffff:ffff:ffff', dst: '2001:db8:64::192.0.2.9' }),
    becomes(as4(data, { src: '10.1.2.3', dst: '192.0.2.9' })),
    { options },
  );
  must(
    'EAM-2',
    'a suffix across a word boundary',
    packet4(data, { dst: '10.1.255.254' }),
    becomes(as6(data, { dst: '2001:db8:a:ff:fe00::' })),
    { options },
  );
});

describe('EAM-3: longest match', () => {
  const options = {
    eam: [
      '10.0.0.0/8=2001:db8:8::/96',
      '10.1.0.0/16=2001:db8:16::/112',
      '10.1.1.1=2001:db8:32::1',
      '192.0.2.1=2001:db8:1::1',
    ],
  };
  for (const [dst, mapped] of [
    ['10.2.0.1', '2001:db8:8::200:100'],
    ['10.1.0.1', '2001:db8:16::1'],
    ['10.1.1.1', '2001:db8:32::1'],
    ['11.0.0.1', '2001:db8:64::b00:1'],
  ] as const) {
    must('EAM-3', `46, ${dst}`, packet4(data, { dst }), becomes(as6(data, { dst: mapped })), { options });
  }
  must(
    'EAM-3',
    '64, longest of the IPv6 side',
    packet6(data, { src: '2001:db8:32::1', dst: '2001:db8:64::11.0.0.1' }),
    becomes(as4(data, { src: '10.1.1.1', dst: '11.0.0.1' })),
    { options },
  );
  must(
    'EAM-3',
    'before RFC 6052, even inside pool6',
    packet6(data, { src: '2001:db8:64::5', dst: '2001:db8:64::11.0.0.1' }),
    becomes(as4(data, { src: '10.9.9.9', dst: '11.0.0.1' })),
    {
      options: { eam: ['10.9.9.9=2001:db8:64::5'] },
    },
  );
});

describe('EAM-4: the list', () => {
  test('the same IPv4 prefix with two partners', () => {
    expect(refused('10.0.0.1=2001:db8::1', '10.0.0.1=2001:db8::2')).toEqual([
      expect.stringMatching(/another partner/),
    ]);
  });
  test('the same IPv6 prefix with two partners', () => {
    expect(refused('10.0.0.1=2001:db8::1', '10.0.0.2=2001:db8::1')).toEqual([
      expect.stringMatching(/another partner/),
    ]);
  });
  test('the same entry twice is kept once, with a warning', () => {
    expect(warned('10.0.0.1=2001:db8::1', '10.0.0.1=2001:db8::1')).toEqual([
      expect.stringMatching(/given twice/),
    ]);
    expect(configure({ eam: ['10.0.0.1=2001:db8::1', '10.0.0.1=2001:db8::1'] }).eam.size).toBe(1);
  });
  test('overlaps are taken, with a warning', () => {
    expect(warned('10.0.0.0/8=2001:db8::/96', '10.0.0.1=2001:db9::1')).toEqual([
      expect.stringMatching(/lies inside/),
    ]);
    expect(warned('10.0.0.1=2001:db8:64::1')).toEqual([expect.stringMatching(/overlaps pool6/)]);
    expect(warned('192.0.0.0/29=2001:db8::/125')).toEqual([expect.stringMatching(/contains ipv4-addr/)]);
    expect(warned('192.0.0.0/24=2001:db8::/120')).toEqual([
      expect.stringMatching(/rfc6791/),
      expect.stringMatching(/ipv4-addr/),
    ]);
  });
});

must('EAM-5', 'the denylist never excludes an EAM', packet4(data, { dst: '10.0.0.1' }), passes, {
  options: {
    eam: ['10.0.0.1=2001:db8:5::1', '192.0.2.1=2001:db8:1::1'],
    denylist4: ['10.0.0.0/8', '192.0.2.0/24'],
  },
});

/** Two IPv6 hosts with mappings: A is 192.0.2.1, B is 10.0.0.2. */
const A6 = '2001:db8:1::1';
const B6 = '2001:db8:2::2';
const A4 = '192.0.2.1';
const B4 = '10.0.0.2';
const PAIR = ['192.0.2.1=2001:db8:1::1', '10.0.0.2=2001:db8:2::2'];
const viaPool = (v4: string): string => `2001:db8:64::${v4}`;

describe('EAM-6, EAM-7: hairpinning, intrinsic', () => {
  const options = { eam: PAIR };
  for (const [name, of] of [
    ['TCP', tcp({ data: counting(11) })],
    ['UDP', udp()],
    ['another protocol', data],
  ] as const) {
    must(
      'EAM-7',
      `${name}: A to B by its IPv4 address`,
      packet6(of, { src: A6, dst: viaPool(B4) }),
      hairpins(as6(of, { src: viaPool(A4), dst: B6 })),
      { options },
    );
  }
  must(
    'EAM-7',
    'Hop Limit is decremented once',
    packet6(data, { src: A6, dst: viaPool(B4), hop: 2 }),
    hairpins(as6(data, { src: viaPool(A4), dst: B6, hop: 1 })),
    { options },
  );
  const ping = v6({
    src: A6,
    dst: viaPool(B4),
    next: 58,
    payload: icmp6(128, 0, u32(7), counting(5), A6, viaPool(B4)),
  });
  must(
    'EAM-7',
    'ping',
    ping,
    hairpins(
      v6({
        src: viaPool(A4),
        dst: B6,
        hop: 63,
        next: 58,
        payload: icmp6(128, 0, u32(7), counting(5), viaPool(A4), B6),
      }),
    ),
    { options },
  );
  must(
    'EAM-6',
    'a destination that an EAM maps by its IPv6 prefix is no hairpin',
    packet6(data, { src: A6, dst: B6 }),
    becomes(as4(data, { src: A4, dst: B4 })),
    { options },
  );
  must(
    'EAM-6',
    'a destination without EAM is no hairpin',
    packet6(data, { src: A6, dst: viaPool('10.0.0.3') }),
    becomes(as4(data, { src: A4, dst: '10.0.0.3' })),
    { options },
  );
  // Condition B: B answers with an error about A's packet, which it saw as coming from A's pool6 address.
  const seen = as6(udp(), { src: viaPool(A4), dst: B6, hop: 60 });
  const complaint = v6({
    src: B6,
    dst: viaPool(A4),
    next: 58,
    payload: icmp6(1, 4, u32(0), seen, B6, viaPool(A4)),
  });
  const original = as6(udp(), { src: A6, dst: viaPool(B4), hop: 60 });
  must(
    'EAM-7',
    'an ICMPv6 error goes back by the way it came',
    complaint,
    hairpins(
      v6({
        src: viaPool(B4),
        dst: A6,
        hop: 63,
        next: 58,
        payload: icmp6(1, 4, u32(0), original, viaPool(B4), A6),
      }),
    ),
    { options },
  );
  const large = packet6(opaque(99, counting(1400)), { src: A6, dst: viaPool(B4) });
  must(
    'EAM-7',
    'an error of the second pass is ICMPv6 about the packet received',
    large,
    replies('TooBig64', error6(large, 2, 0, 1400, A6)),
    {
      options: { ...options, 'ipv6-mtu': '1400' },
    },
  );
  test('EAM-7: a fragment with 0 in UDP’s checksum', () => {
    const bare: Bytes = [...udp(counting(16)).in6().slice(0, 6), 0, 0, ...counting(16)];
    const packet = v6({ src: A6, dst: viaPool(B4), next: 44, payload: [17, 0, 0, 1, 0, 0, 0, 9, ...bare] });
    const outcome = translator(options).translate(Uint8Array.from(packet));
    expect(outcome.reason).toBe('UdpZeroChecksumFragment64');
    expect(outcome.outputs.map((bytes) => hex(bytes))).toEqual([hex(error6(packet, 1, 1, 0, A6))]);
  });
  must(
    'EAM-7',
    'T64-MTU-1 is skipped',
    packet6(opaque(99, counting(1100)), { src: A6, dst: viaPool(B4) }),
    hairpins(as6(opaque(99, counting(1100)), { src: viaPool(A4), dst: B6 })),
    { options: { ...options, 'ipv4-mtu': '576' } },
  );
});

describe('EAM-8: the other modes', () => {
  const simple = { options: { eam: PAIR, 'eam-hairpin-mode': 'simple' } };
  const off = { options: { eam: PAIR, 'eam-hairpin-mode': 'off' } };
  const there = packet6(data, { src: A6, dst: viaPool(B4) });
  must('EAM-8', 'simple: leaves as IPv4', there, becomes(as4(data, { src: A4, dst: B4 })), simple);
  must(
    'EAM-8',
    'simple: and comes back with its source by RFC 6052',
    packet4(data, { src: A4, dst: B4 }),
    becomes(as6(data, { src: viaPool(A4), dst: B6 })),
    simple,
  );
  must('EAM-8', 'off: leaves as IPv4', there, becomes(as4(data, { src: A4, dst: B4 })), off);
  must(
    'EAM-8',
    'off: EAM both ways',
    packet4(data, { src: A4, dst: B4 }),
    becomes(as6(data, { src: A6, dst: B6 })),
    off,
  );
});

describe('EAM-2: every length', () => {
  for (const [eam, v4, v6] of [
    ['0.0.0.0/0=2001:db8:a::/96', '198.51.100.7', '2001:db8:a::c633:6407'],
    ['128.0.0.0/1=2001:db8:a::/48', '198.51.100.7', '2001:db8:a:8c66:c80e::'],
    ['198.51.100.0/24=2001:db8:a::/120', '198.51.100.7', '2001:db8:a::7'],
    ['198.51.100.6/31=2001:db8:a::/63', '198.51.100.7', '2001:db8:a:1::'],
    ['198.51.100.6/31=2001:db8:a::/127', '198.51.100.7', '2001:db8:a::1'],
    ['198.51.100.7/32=2001:db8:a::/64', '198.51.100.7', '2001:db8:a::'],
    ['198.51.100.0/25=2001:db8::/33', '198.51.100.127', '2001:db8:7f00::'],
  ] as const) {
    const options = { eam: [eam], pool6: undefined, 'ipv6-addr': '2001:db9::fe', 'ipv4-addr': '192.0.2.254' };
    must(
      'EAM-2',
      `46, ${eam}`,
      packet4(data, { src: v4, dst: v4 }),
      becomes(as6(data, { src: v6, dst: v6 })),
      {
        options,
      },
    );
    must(
      'EAM-2',
      `64, ${eam}`,
      packet6(data, { src: v6, dst: v6 }),
      becomes(as4(data, { src: v4, dst: v4 })),
      {
        options,
      },
    );
  }
});

describe('EAM-5: the denylist', () => {
  const options = { denylist4: ['198.51.100.0/25', '203.0.113.9/32'] };
  for (const [address, denied] of [
    ['198.51.99.255', false],
    ['198.51.100.0', true],
    ['198.51.100.127', true],
    ['198.51.100.128', false],
    ['203.0.113.8', false],
    ['203.0.113.9', true],
    ['203.0.113.10', false],
  ] as const) {
    must(
      'EAM-5',
      `46 to ${address}`,
      packet4(data, { dst: address }),
      because(denied ? 'DeniedDestination46' : 'Translated46'),
      { options },
    );
    must(
      'EAM-5',
      `46 from ${address}`,
      packet4(data, { src: address, dst: '8.8.8.8' }),
      because(denied ? 'DeniedSource46' : 'Translated46'),
      { options },
    );
    must(
      'EAM-5',
      `64 to ${address}`,
      packet6(data, { dst: viaPool(address) }),
      because(denied ? 'DeniedDestination64' : 'Translated64'),
      { options },
    );
    must(
      'EAM-5',
      `64 from ${address}`,
      packet6(data, { src: viaPool(address), dst: viaPool('8.8.8.8') }),
      because(denied ? 'DeniedSource64' : 'Translated64'),
      { options },
    );
  }
});

describe('EAM-7: more of the second pass', () => {
  const options = { eam: PAIR };
  for (const [what, size, more, offset] of [
    ['a first fragment', 1024, true, 0],
    ['a later fragment', 1024, false, 512],
    ['a fragment that has to be split again', 1400, true, 0],
  ] as const) {
    const payload = counting(size);
    const packet = v6({
      src: A6,
      dst: viaPool(B4),
      next: 44,
      payload: [...fh(99, { more, offset, id: 0xaabb0102 }), ...payload],
    });
    must(
      'EAM-7',
      `${what}: its identification's low 16 bits`,
      packet,
      hairpins(
        ...pieces(payload, 1232).map(({ data: piece, offset: at, last }) =>
          v6({
            src: viaPool(A4),
            dst: B6,
            hop: 63,
            next: 44,
            payload: [...fh(99, { more: more || !last, offset: offset + at, id: 0x0102 }), ...piece],
          }),
        ),
      ),
      { options },
    );
  }
  const atomic = v6({ src: A6, dst: viaPool(B4), next: 44, payload: [...fh(99), ...counting(100)] });
  must(
    'EAM-7',
    'an atomic fragment comes out without Fragment Header',
    atomic,
    hairpins(as6(opaque(99, counting(100)), { src: viaPool(A4), dst: B6 })),
    { options },
  );
  const bare = [...udp().in6(A6, viaPool(B4)).slice(0, 6), 0, 0, ...udp().in6(A6, viaPool(B4)).slice(8)];
  const bareUdp = v6({ src: A6, dst: viaPool(B4), next: 17, payload: bare });
  must(
    'EAM-7',
    'UDP without checksum gets one',
    bareUdp,
    hairpins(as6(udp(), { src: viaPool(A4), dst: B6 })),
    { options },
  );
  must('EAM-7', 'and is dropped where that is asked for', bareUdp, because('UdpZeroChecksum46'), {
    options: { ...options, 'udp-cksum-mode': 'drop' },
  });
  const there = packet6(data, { src: A6, dst: viaPool(B4) });
  must(
    'EAM-7',
    'a source that the denylist excludes: 1/1',
    there,
    replies('DeniedSource64', error6(there, 1, 1, 0, A6)),
    { options: { ...options, denylist4: ['192.0.2.0/24'] } },
  );
  must(
    'EAM-6',
    'a host reaches itself',
    packet6(data, { src: A6, dst: viaPool(A4) }),
    hairpins(as6(data, { src: viaPool(A4), dst: A6 })),
    { options },
  );
  must(
    'EAM-6',
    'an outside host by pool6 reaches a mapped one',
    packet6(data, { src: viaPool('8.8.8.8'), dst: viaPool(B4) }),
    hairpins(as6(data, { src: viaPool('8.8.8.8'), dst: B6 })),
    { options },
  );
  const expired = packet6(data, { src: A6, dst: viaPool(B4), hop: 1 });
  must(
    'EAM-7',
    'Hop Limit 1 expires as ever',
    expired,
    replies('HopLimitExpired64', error6(expired, 3, 0, 0, A6)),
    {
      options,
    },
  );
  // An error from a router on the way, about A's packet as B's side saw it.
  const seen = as6(udp(), { src: viaPool(A4), dst: B6, hop: 60 });
  const router = '2001:db8:ffff::9';
  const complaint = v6({
    src: router,
    dst: viaPool(A4),
    next: 58,
    payload: icmp6(3, 0, u32(0), seen, router, viaPool(A4)),
  });
  const original = as6(udp(), { src: A6, dst: viaPool(B4), hop: 60 });
  must(
    'EAM-7',
    'a router without mapping on the way speaks as 192.0.0.8',
    complaint,
    hairpins(
      v6({
        src: viaPool('192.0.0.8'),
        dst: A6,
        hop: 63,
        next: 58,
        payload: icmp6(3, 0, u32(0), original, viaPool('192.0.0.8'), A6),
      }),
    ),
    { options },
  );
  const big = v6({
    src: router,
    dst: viaPool(A4),
    next: 58,
    payload: icmp6(2, 0, u32(1400), seen, router, viaPool(A4)),
  });
  must(
    'EAM-7',
    'Packet Too Big by both formulas',
    big,
    hairpins(
      v6({
        src: viaPool('192.0.0.8'),
        dst: A6,
        hop: 63,
        next: 58,
        payload: icmp6(2, 0, u32(1400), original, viaPool('192.0.0.8'), A6),
      }),
    ),
    { options },
  );
  const long = as6(opaque(99, counting(1180)), { src: viaPool(A4), dst: B6, hop: 60 });
  must(
    'EAM-7',
    'a large error is cut by the IPv4 limit on the way',
    v6({ src: B6, dst: viaPool(A4), next: 58, payload: icmp6(1, 0, u32(0), long, B6, viaPool(A4)) }),
    hairpins(
      v6({
        src: viaPool(B4),
        dst: A6,
        hop: 63,
        next: 58,
        payload: icmp6(
          1,
          0,
          u32(0),
          // 548 bytes of quote in IPv4 are 568 in IPv6.
          as6(opaque(99, counting(1180)), { src: A6, dst: viaPool(B4), hop: 60 }).slice(0, 568),
          viaPool(B4),
          A6,
        ),
      }),
    ),
    { options },
  );
  for (const mode of ['simple', 'off']) {
    must(
      'EAM-8',
      `${mode}: an error whose inner source has a mapping leaves as IPv4`,
      complaint,
      because('Translated64'),
      { options: { ...options, 'eam-hairpin-mode': mode } },
    );
  }
});
