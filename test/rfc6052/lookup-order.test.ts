/** ADDR-9: which rule of a lookup decides, for destinations and for sources; own addresses (GEN-2) before all. */
import { describe } from 'vitest';
import { as4, as6, error4, error6 } from '../support/expect.ts';
import { because, becomes, drops, must, passes, replies } from '../support/must.ts';
import { HOST4, HOST6, OWN4, OWN6, opaque, packet4, packet6 } from '../support/packets.ts';

const data = opaque(99, [1, 2, 3, 4]);
const wkp = { pool6: '64:ff9b::/96', eam: ['8.8.4.4=2001:db8:1::1'] };

describe('46', () => {
  const to = (dst: string) => packet4(data, { src: '8.8.4.4', dst });
  const from = (src: string) => packet4(data, { src, dst: '8.8.4.4' });
  const eam = [...wkp.eam, '169.254.7.7=2001:db8:7::7', '10.7.7.7=2001:db8:7::8'];
  for (const dst of ['169.254.7.7', '10.7.7.7']) {
    const options = { ...wkp, eam, denylist4: ['169.254.0.0/16', '10.0.0.0/8'] };
    must('ADDR-9', `an EAM before every other rule, to ${dst}`, to(dst), passes, { options });
    must('ADDR-9', `an EAM before every other rule, from ${dst}`, from(dst), passes, { options });
  }
  must('ADDR-9', 'denylist before 169.254/16', to('169.254.1.1'), because('DeniedDestination46'), {
    options: { ...wkp, denylist4: ['169.254.0.0/16'] },
  });
  must('ADDR-9', '169.254/16 before ADDR-6', to('169.254.1.1'), because('UnmappedDestination46'), {
    options: wkp,
  });
  for (const [where, packet, reason, sender] of [
    ['destination', to('10.0.0.1'), 'DeniedDestination46', '8.8.4.4'],
    ['source', from('10.0.0.1'), 'DeniedSource46', '10.0.0.1'],
  ] as const) {
    must('ADDR-10', `a denied ${where}`, packet, replies(reason, error4(packet, 3, 13, 0, sender)), {
      options: { eam: wkp.eam, denylist4: ['10.0.0.0/8'] },
    });
    must('ADDR-9', `denylist before ADDR-6, ${where}`, packet, because(reason), {
      options: { ...wkp, denylist4: ['10.0.0.0/8'] },
    });
  }
  must(
    'ADDR-9',
    'the destination before the source',
    packet4(data, { src: '10.0.0.1', dst: '10.0.0.2' }),
    because('WkpDestination46'),
    { options: { ...wkp, denylist4: ['10.0.0.1/32'] } },
  );
});

describe('64', () => {
  const pool6 = '2001:db8:122:344::/64';
  const strict = { pool6, eam: ['192.0.2.1=2001:db8:1::1'], 'strict-suffix': true };
  /** 10.0.0.1 under the /64 with a suffix that is not 0. */
  const odd = '2001:db8:122:344:a:0:100:1';
  must('ADDR-5', 'a strict destination', packet6(data, { dst: odd }), because('UnmappedDestination64'), {
    options: strict,
  });
  const stranger = packet6(data, { src: odd, dst: '2001:db8:122:344:c6:3364:200::' });
  must('ADDR-5', 'a strict source', stranger, replies('UnmappedSource64', error6(stranger, 1, 1, 0, odd)), {
    options: strict,
  });
  must('ADDR-5', 'a source, not strict', stranger, becomes(as4(data, { src: '10.0.0.1' })), {
    options: { ...strict, 'strict-suffix': false },
  });
  must(
    'ADDR-9',
    'strict-suffix before ADDR-11',
    packet6(data, { dst: '2001:db8:122:344:7f:0:100:1' }),
    because('UnmappedDestination64'),
    { options: strict },
  );
  for (const pool of ['64:ff9b::/96', '2001:db8:64::/96']) {
    const base = pool.slice(0, -3);
    const options = { pool6: pool, denylist4: ['127.0.0.0/8', '10.0.0.0/8'] };
    must(
      'ADDR-9',
      `ADDR-11 before denylist and ADDR-6, ${pool}`,
      packet6(data, { dst: `${base}127.0.0.1` }),
      drops('EmbeddedMartianDestination64'),
      { options },
    );
    must(
      'ADDR-9',
      `ADDR-11 before denylist and ADDR-6, source, ${pool}`,
      packet6(data, { src: `${base}127.0.0.1`, dst: `${base}8.8.8.8` }),
      drops('EmbeddedMartianSource64'),
      { options },
    );
    must(
      'ADDR-9',
      `denylist before ADDR-6, ${pool}`,
      packet6(data, { dst: `${base}10.0.0.1` }),
      because('DeniedDestination64'),
      { options },
    );
    const denied = packet6(data, { src: `${base}10.0.0.1`, dst: `${base}8.8.8.8` });
    must(
      'ADDR-10',
      `a denied source, ${pool}`,
      denied,
      replies('DeniedSource64', error6(denied, 1, 1, 0, `${base}10.0.0.1`)),
      { options },
    );
  }
  must(
    'ADDR-9',
    'the destination before the source',
    packet6(data, { src: '2001:db8:64::127.0.0.1', dst: '2001:db8:ffff::1' }),
    because('UnmappedDestination64'),
  );
});

describe('ADDR-6, sources', () => {
  for (const src of [
    '10.0.0.0',
    '100.127.255.255',
    '172.16.0.0',
    '192.0.0.8',
    '192.88.99.255',
    '240.0.0.0',
  ]) {
    const packet = packet6(data, { src: `64:ff9b::${src}`, dst: '64:ff9b::8.8.8.8' });
    must('ADDR-6', `64 from ${src} without the rule`, packet, becomes(as4(data, { src, dst: '8.8.8.8' })), {
      options: { ...wkp, 'wkpf-strict': false },
    });
  }
  for (const src of [
    '9.255.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '192.0.0.9',
    '192.0.0.10',
    '192.0.1.0',
  ]) {
    const packet = packet6(data, { src: `64:ff9b::${src}`, dst: '64:ff9b::8.8.8.8' });
    must('ADDR-6', `64 from ${src}`, packet, becomes(as4(data, { src, dst: '8.8.8.8' })), { options: wkp });
  }
});

describe('own addresses', () => {
  const options = { eam: ['192.0.2.0/24=2001:db8:1::/120'] };
  const there = packet4(data, { dst: OWN4 });
  must('GEN-2', 'ipv4-addr before an EAM', there, replies('SelfProtocol46', error4(there, 3, 2)), {
    options,
  });
  const back = packet6(data, { dst: OWN6 });
  must('GEN-2', 'ipv6-addr before an EAM', back, replies('SelfProtocol64', error6(back, 4, 1, 6)), {
    options,
  });
  const inPool = '2001:db8:64::192.0.2.77';
  const own = packet6(data, { dst: inPool });
  must(
    'GEN-2',
    'ipv6-addr inside pool6',
    own,
    replies('SelfProtocol64', error6(own, 4, 1, 6, HOST6, inPool)),
    { options: { 'ipv6-addr': inPool } },
  );
  must('GEN-2', 'a neighbour of ipv4-addr', packet4(data, { dst: '192.0.2.253' }), passes, { options });
  must('GEN-2', 'as sources they are like any other', packet4(data, { src: OWN4, dst: HOST4 }), passes);
  must(
    'GEN-2',
    'without ipv6-addr its place is any other',
    packet6(data, { dst: OWN6 }),
    becomes(as4(data, { src: HOST4, dst: OWN4 })),
    { options: { eam: ['192.0.2.0/24=2001:db8:1::/120'], 'ipv6-addr': undefined } },
  );
  const moved = packet4(data, { dst: '192.0.0.1' });
  must('GEN-2', 'ipv4-addr is 192.0.0.1 unless told otherwise', moved, because('SelfProtocol46'), {
    options: { 'ipv4-addr': undefined },
  });
  must('GEN-2', 'and only one address', moved, becomes(as6(data, { dst: '2001:db8:64::192.0.0.1' })));
});
