/** RFC 6052 and the special ranges: ADDR-*. */
import { describe, expect, test } from 'vitest';
import { as4, as6, error4, error6 } from '../support/expect.ts';
import { becomes, configure, drops, must, passes, replies, translate } from '../support/must.ts';
import { HOST6, hex, ip6, opaque, packet4, packet6, v4, v6 } from '../support/packets.ts';

const data = opaque(99, [1, 2, 3, 4]);
/** 198.51.100.2 under each prefix length. */
const EMBEDDED = [
  ['2001:db8::/32', '2001:db8:c633:6402::'],
  ['2001:db8:100::/40', '2001:db8:1c6:3364:2::'],
  ['2001:db8:122::/48', '2001:db8:122:c633:64:200::'],
  ['2001:db8:122:300::/56', '2001:db8:122:3c6:33:6402::'],
  ['2001:db8:122:344::/64', '2001:db8:122:344:c6:3364:200::'],
  ['2001:db8:122:344::/96', '2001:db8:122:344::c633:6402'],
] as const;

describe.each(EMBEDDED)('ADDR-3, prefix %s', (pool6, address) => {
  const options = { pool6, eam: ['192.0.2.1=2001:db9::1'] };
  must('ADDR-3', '46', packet4(data), becomes(as6(data, { src: '2001:db9::1', dst: address })), { options });
  must('ADDR-3', '64', packet6(data, { src: '2001:db9::1', dst: address }), becomes(as4(data)), { options });
  test('ADDR-4: u and suffix are written as 0', () => {
    const { outputs } = translate(packet4(data), { options });
    expect(hex(outputs[0]!.subarray(24, 40))).toBe(hex(ip6(address)));
  });
  const length = Number(pool6.split('/')[1]);
  if (length === 96) return;
  test('ADDR-5: u and suffix are ignored on receipt, or not', () => {
    // The last byte belongs to the suffix, octet 8 is u.
    for (const at of [8, 15]) {
      const packet = packet6(data, { src: '2001:db9::1', dst: address });
      const touched = packet.with(24 + at, packet[24 + at]! ^ 1);
      expect(translate(touched, { options }).reason, `octet ${at}`).toBe('Translated64');
      const strict = translate(touched, { options: { ...options, 'strict-suffix': true } });
      expect(strict.reason, `octet ${at}`).toBe('UnmappedDestination64');
    }
    expect(
      translate(packet6(data, { src: '2001:db9::1', dst: address }), {
        options: { ...options, 'strict-suffix': true },
      }).reason,
    ).toBe('Translated64');
  });
});

describe('ADDR-1, ADDR-2: prefixes', () => {
  test.each([
    '2001:db8::/33',
    '2001:db8::/128',
    '2001:db8::/0',
    '2001:db8::1/96',
    '2001:db8:0:0:100::/96',
    'ff00::/32',
    'fe80::/64',
    '::/96',
    '64:ff9b::/64',
    '64:ff9b:2::/96',
    '64:ff9b:1::/40',
  ])('%s is refused', (pool6) => {
    expect(() => configure({ pool6 })).toThrow(/--pool6/);
  });
  test.each([
    '64:ff9b::/96',
    '64:ff9b:1::/48',
    '64:ff9b:1:fffe::/96',
    '64:ff9b:1:ab00::/56',
    '2001:db8::/32',
    'fd00::/96',
  ])('%s is taken', (pool6) => {
    expect(() => configure({ pool6, eam: [] })).not.toThrow();
  });
});

describe('ADDR-6: the well-known prefix', () => {
  const wkp = { pool6: '64:ff9b::/96', eam: ['8.8.4.4=2001:db8:1::1'] };
  const outside = [
    '1.0.0.0',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '191.255.255.255',
    '192.0.1.0',
    '192.0.0.9',
    '192.0.0.10',
    '192.0.3.0',
    '192.88.98.255',
    '192.88.100.0',
    '192.167.255.255',
    '192.169.0.0',
    '198.17.255.255',
    '198.20.0.0',
    '198.51.99.255',
    '198.51.101.0',
    '203.0.112.255',
    '203.0.114.0',
    '223.255.255.255',
  ];
  const inside = [
    '10.0.0.0',
    '10.255.255.255',
    '100.64.0.0',
    '100.127.255.255',
    '172.16.0.0',
    '172.31.255.255',
    '192.0.0.0',
    '192.0.0.255',
    '192.0.0.8',
    '192.0.0.11',
    '192.0.2.0',
    '192.0.2.255',
    '192.88.99.0',
    '192.88.99.255',
    '192.168.0.0',
    '192.168.255.255',
    '198.18.0.0',
    '198.19.255.255',
    '198.51.100.0',
    '198.51.100.255',
    '203.0.113.0',
    '203.0.113.255',
    '240.0.0.0',
    '255.255.255.254',
  ];
  for (const dst of outside) {
    must('ADDR-6', `46 to ${dst}`, packet4(data, { src: '8.8.4.4', dst }), passes, { options: wkp });
    must('ADDR-6', `64 to ${dst}`, packet6(data, { dst: `64:ff9b::${dst}` }), passes, { options: wkp });
  }
  for (const dst of inside) {
    const packet = packet4(data, { src: '8.8.4.4', dst });
    must(
      'ADDR-6',
      `46 to ${dst} is refused`,
      packet,
      replies('WkpDestination46', error4(packet, 3, 13, 0, '8.8.4.4')),
      { options: wkp },
    );
    const packet64 = packet6(data, { dst: `64:ff9b::${dst}` });
    must('ADDR-6', `64 to ${dst} is refused`, packet64, replies('WkpDestination64', error6(packet64, 1, 1)), {
      options: wkp,
    });
    must('ADDR-6', `46 to ${dst} without the rule`, packet, passes, {
      options: { ...wkp, 'wkpf-strict': false },
    });
  }
  const from = packet4(data, { src: '10.1.2.3', dst: '8.8.4.4' });
  must('ADDR-6', 'sources too, 46', from, replies('WkpSource46', error4(from, 3, 13, 0, '10.1.2.3')), {
    options: wkp,
  });
  const from6 = packet6(data, { src: '64:ff9b::10.1.2.3', dst: '64:ff9b::8.8.8.8' });
  must(
    'ADDR-6',
    'sources too, 64',
    from6,
    replies('WkpSource64', error6(from6, 1, 1, 0, '64:ff9b::10.1.2.3')),
    { options: wkp },
  );
  must('ADDR-6', 'EAM hits are exempt', packet4(data, { src: '10.0.0.1', dst: '8.8.8.8' }), passes, {
    options: { pool6: '64:ff9b::/96', eam: ['10.0.0.1=2001:db8:1::1'] },
  });
  must(
    'ADDR-6',
    'no such rule under 64:ff9b:1::/48',
    packet4(data, { src: '8.8.4.4', dst: '10.0.0.1' }),
    passes,
    { options: { ...wkp, pool6: '64:ff9b:1::/96' } },
  );
});

describe('ADDR-7: IPv4 martians', () => {
  for (const src of [
    '0.0.0.0',
    '0.255.255.255',
    '127.0.0.0',
    '127.255.255.255',
    '224.0.0.0',
    '239.255.255.255',
    '255.255.255.255',
  ]) {
    must('ADDR-7', `source ${src}`, packet4(data, { src }), drops('MartianSource46'));
    must('ADDR-7', `destination ${src}`, packet4(data, { dst: src }), drops('MartianDestination46'));
  }
  for (const src of [
    '1.0.0.0',
    '126.255.255.255',
    '128.0.0.0',
    '223.255.255.255',
    '240.0.0.0',
    '255.255.255.254',
  ]) {
    must('ADDR-7', `source ${src} is none`, packet4(data, { src }), passes);
    must('ADDR-7', `destination ${src} is none`, packet4(data, { dst: src }), passes);
  }
  must('ADDR-7', 'a link-local source', packet4(data, { src: '169.254.1.1' }), drops('LinkLocalSource46'));
  must('ADDR-7', 'a link-local source with an EAM', packet4(data, { src: '169.254.1.1' }), passes, {
    options: { eam: ['169.254.1.1=2001:db8:1::9'] },
  });
  const linkLocal = packet4(data, { dst: '169.254.1.1' });
  must(
    'ADDR-9',
    'a link-local destination goes by no prefix',
    linkLocal,
    replies('UnmappedDestination46', error4(linkLocal, 3, 13)),
  );
});

describe('ADDR-8: IPv6 martians', () => {
  for (const src of [
    '::',
    '::1',
    '::ffff:1.2.3.4',
    '64:ff9a::1',
    '64:ff9c::1',
    '100::1',
    'fe80::1',
    'febf::1',
    'ff02::1',
  ]) {
    must(
      'ADDR-8',
      `source ${src}`,
      packet6(data, { src }),
      src.startsWith('100:')
        ? (outcome) => expect(outcome.reason).toBe('UnmappedSource64')
        : drops('MartianSource64'),
    );
  }
  must(
    'ADDR-8',
    'a multicast destination',
    packet6(data, { dst: 'ff02::16' }),
    drops('MulticastDestination64'),
  );
  must(
    'ADDR-8',
    'a link-local destination',
    packet6(data, { dst: 'fe80::1' }),
    drops('MartianDestination64'),
  );
  must('ADDR-8', 'loopback', packet6(data, { dst: '::1' }), drops('MartianDestination64'));
  for (const src of ['fd00::1', 'fec0::1', '64:ff9b::1.2.3.4']) {
    must('ADDR-8', `${src} is none`, packet6(data, { src }), (outcome) =>
      expect(outcome.reason).toBe('UnmappedSource64'),
    );
  }
});

describe('ADDR-9, ADDR-10, ADDR-11', () => {
  for (const inside of ['0.1.2.3', '127.0.0.1', '169.254.0.1', '224.0.0.1', '255.255.255.255']) {
    must(
      'ADDR-11',
      `${inside} in the destination`,
      packet6(data, { dst: `2001:db8:64::${inside}` }),
      drops('EmbeddedMartianDestination64'),
    );
    must(
      'ADDR-11',
      `${inside} in the source`,
      packet6(data, { src: `2001:db8:64::${inside}` }),
      drops('EmbeddedMartianSource64'),
    );
  }
  const noPool = { options: { pool6: undefined } };
  const there = packet4(data);
  must(
    'ADDR-10',
    '46, no mapping for the destination',
    there,
    replies('UnmappedDestination46', error4(there, 3, 13)),
    noPool,
  );
  const source = v4({ src: '203.0.113.7', dst: '192.0.2.1', payload: [1] });
  must(
    'ADDR-10',
    '46, no mapping for the source',
    source,
    replies('UnmappedSource46', error4(source, 3, 13, 0, '203.0.113.7')),
    noPool,
  );
  const back = packet6(data, { dst: '2001:db8:ffff::1' });
  must(
    'ADDR-10',
    '64, no mapping for the destination',
    back,
    replies('UnmappedDestination64', error6(back, 1, 1)),
  );
  const stranger = packet6(data, { src: '2001:db8:ffff::1' });
  must(
    'ADDR-10',
    '64, no mapping for the source',
    stranger,
    replies('UnmappedSource64', error6(stranger, 1, 1, 0, '2001:db8:ffff::1')),
  );
  must(
    'ADDR-9',
    'the destination is looked up first',
    v6({ src: '2001:db8:ffff::1', dst: '2001:db8:ffff::2' }),
    (outcome) => expect(outcome.reason).toBe('UnmappedDestination64'),
  );
  const denied = { options: { denylist4: ['198.51.100.0/24'] } };
  must('ADDR-9', 'denied, 46', there, replies('DeniedDestination46', error4(there, 3, 13)), denied);
  const to = packet6(data);
  must('ADDR-9', 'denied, 64', to, replies('DeniedDestination64', error6(to, 1, 1)), denied);
  must(
    'GEN-2',
    'without ipv6-addr errors come from the address we stand in for',
    back,
    replies('UnmappedDestination64', error6(back, 1, 1, 0, HOST6, '2001:db8:ffff::1')),
    {
      options: { 'ipv6-addr': undefined },
    },
  );
});

describe('ADDR-5: every bit behind the embedded address', () => {
  /** Bytes of the address that hold the prefix, and those that hold the IPv4 address (ADDR-3). */
  const embedded: Record<number, readonly number[]> = {
    32: [4, 5, 6, 7],
    40: [5, 6, 7, 9],
    48: [6, 7, 9, 10],
    56: [7, 9, 10, 11],
    64: [9, 10, 11, 12],
    96: [12, 13, 14, 15],
  };
  for (const [pool6, address] of EMBEDDED) {
    const length = Number(pool6.split('/')[1]);
    const options = { pool6, eam: ['192.0.2.1=2001:db9::1'] };
    for (let at = 0; at < 16; at++) {
      for (const bit of [1, 128]) {
        const packet = packet6(opaque(99, [1, 2]), { src: '2001:db9::1', dst: address });
        const touched = packet.with(24 + at, packet[24 + at]! ^ bit);
        const inPrefix = at * 8 < length;
        const inAddress = embedded[length]!.includes(at);
        must(
          'ADDR-5',
          `${pool6}, octet ${at}`,
          touched,
          (outcome) => {
            if (inPrefix) expect(outcome.reason).toBe('UnmappedDestination64');
            else if (!inAddress) expect(hex(outcome.outputs[0]!)).toBe(hex(as4(opaque(99, [1, 2]))));
            else
              expect(outcome.outputs.map((bytes) => hex(bytes))).not.toContain(hex(as4(opaque(99, [1, 2]))));
          },
          { options },
        );
        if (inPrefix || inAddress) continue;
        must(
          'ADDR-5',
          `${pool6}, octet ${at}, strict-suffix`,
          touched,
          (outcome) => {
            expect(outcome.reason).toBe('UnmappedDestination64');
          },
          { options: { ...options, 'strict-suffix': true } },
        );
      }
    }
  }
});

describe('ADDR-8: edges', () => {
  const reasonOf = (src: string): string => translate(packet6(data, { src })).reason;
  test.each([
    ['::', true],
    ['ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['100::', false],
    ['64:ff9a:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['64:ff9b::', false],
    ['64:ff9b:ffff:ffff:ffff:ffff:ffff:ffff', false],
    ['64:ff9c::', true],
    ['fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff', false],
    ['fe80::', true],
    ['febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff', true],
    ['fec0::', false],
    ['feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', false],
    ['ff00::', true],
    ['ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', true],
  ])('%s', (address, martian) => {
    expect(reasonOf(address)).toBe(martian ? 'MartianSource64' : 'UnmappedSource64');
    const { reason, outputs } = translate(packet6(data, { dst: address }));
    const multicast = address.startsWith('ff') && address.length > 2 && !address.startsWith('ff:');
    expect(reason).toBe(
      martian ? (multicast ? 'MulticastDestination64' : 'MartianDestination64') : 'UnmappedDestination64',
    );
    expect(outputs).toHaveLength(martian ? 0 : 1);
  });
});

describe('ADDR-11: edges', () => {
  test.each([
    ['0.0.0.0', true],
    ['0.255.255.255', true],
    ['1.0.0.0', false],
    ['126.255.255.255', false],
    ['127.0.0.0', true],
    ['127.255.255.255', true],
    ['128.0.0.0', false],
    ['169.253.255.255', false],
    ['169.254.0.0', true],
    ['169.254.255.255', true],
    ['169.255.0.0', false],
    ['223.255.255.255', false],
    ['224.0.0.0', true],
    ['239.255.255.255', true],
    ['240.0.0.0', false],
    ['255.255.255.254', false],
    ['255.255.255.255', true],
  ])('%s', (address, martian) => {
    const to = translate(packet6(data, { dst: `2001:db8:64::${address}` }));
    expect(to.reason).toBe(martian ? 'EmbeddedMartianDestination64' : 'Translated64');
    const from = translate(packet6(data, { src: `2001:db8:64::${address}` }));
    expect(from.reason).toBe(martian ? 'EmbeddedMartianSource64' : 'Translated64');
    if (martian) expect([...to.outputs, ...from.outputs]).toEqual([]);
  });
});

describe('ADDR-7: link-local edges', () => {
  for (const [src, dropped] of [
    ['169.253.255.255', false],
    ['169.254.0.0', true],
    ['169.254.255.255', true],
    ['169.255.0.0', false],
  ] as const) {
    must('ADDR-7', `source ${src}`, packet4(data, { src }), dropped ? drops('LinkLocalSource46') : passes);
  }
});

describe('ADDR-6: sources', () => {
  const options = { pool6: '64:ff9b::/96', eam: ['8.8.4.4=2001:db8:1::1'] };
  for (const src of [
    '10.0.0.1',
    '100.64.0.1',
    '172.31.9.9',
    '192.0.0.1',
    '192.0.2.9',
    '192.88.99.1',
    '192.168.1.1',
    '198.18.0.1',
    '198.51.100.9',
    '203.0.113.9',
    '240.0.0.1',
  ]) {
    const packet = packet4(data, { src, dst: '8.8.4.4' });
    must('ADDR-6', `46 from ${src}`, packet, replies('WkpSource46', error4(packet, 3, 13, 0, src)), {
      options,
    });
    const packet64 = packet6(data, { src: `64:ff9b::${src}`, dst: '64:ff9b::8.8.8.8' });
    must(
      'ADDR-6',
      `64 from ${src}`,
      packet64,
      replies('WkpSource64', error6(packet64, 1, 1, 0, `64:ff9b::${src}`)),
      { options },
    );
  }
  for (const src of ['192.0.0.9', '192.0.0.10', '8.8.8.8']) {
    must('ADDR-6', `46 from ${src}`, packet4(data, { src, dst: '8.8.4.4' }), passes, { options });
  }
});
