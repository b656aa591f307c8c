/** CLAT-12: an IPv4 source that no mapping covers gets no IPv6 address inside the NAT64's prefix. */
import { describe, expect, test } from 'vitest';
import { loadRun, type RawOptions } from '../../src/config/load.ts';
import { as4, as6, error4 } from '../support/expect.ts';
import { because, becomes, configure, drops, hairpins, must, replies } from '../support/must.ts';
import { counting, HOST4, icmp4, OWN6, opaque, packet4, packet6, u32, udp, v4 } from '../support/packets.ts';

const STRICT = { 'strict-source': true };
const data = opaque(99, counting(8));
const from = (src: string) => packet4(data, { src });

describe('sources', () => {
  must('CLAT-12', 'by hand ADDR-9 holds', from('10.0.0.9'), because('Translated46'));
  must('CLAT-12', 'an EAM’s', from('192.0.2.1'), because('Translated46'), { options: STRICT });
  must(
    'CLAT-12',
    'nobody’s is refused',
    from('10.0.0.9'),
    replies('UnmappedSource46', error4(from('10.0.0.9'), 3, 13, 0, '10.0.0.9')),
    { options: STRICT },
  );
  must('CLAT-12', 'before the denylist is asked', from('10.0.0.9'), because('UnmappedSource46'), {
    options: { ...STRICT, denylist4: ['10.0.0.0/8'] },
  });
  must(
    'CLAT-12',
    'the destination’s fault is told first',
    v4({ src: '10.0.0.9', dst: '10.9.9.9' }),
    because('DeniedDestination46'),
    {
      options: { ...STRICT, denylist4: ['10.0.0.0/8'] },
    },
  );
  const lan = { lan: ['192.168.1.0/24=2001:db8:12:3401::/96'] };
  must('CLAT-12', '--lan: a host of the LAN', from('192.168.1.77'), because('Translated46'), {
    options: lan,
  });
  must('CLAT-12', '--lan: on without being asked for', from('192.168.2.77'), because('UnmappedSource46'), {
    options: lan,
  });
  must('CLAT-12', '--lan: not on demand', from('192.168.2.77'), because('Translated46'), {
    options: { ...lan, 'strict-source': false },
  });
  // EAM-8: such a source goes by RFC 6052, covered as it is.
  const simple = { ...STRICT, 'eam-hairpin-mode': 'simple' };
  must(
    'CLAT-12',
    'mode simple: an EAM’s, by its own rules',
    from('192.0.2.1'),
    becomes(as6(data, { src: '2001:db8:64::192.0.2.1', dst: '2001:db8:64::198.51.100.2' })),
    { options: simple },
  );
  must('CLAT-12', 'mode simple: nobody’s', from('10.0.0.9'), because('UnmappedSource46'), {
    options: simple,
  });
});

describe('ICMP errors and hairpinning', () => {
  const error = v4({
    src: '10.0.0.9',
    dst: '198.51.100.2',
    proto: 1,
    payload: icmp4(11, 0, u32(0), as4(udp(), { src: '198.51.100.2', dst: HOST4 })),
  });
  const outputs = (options: RawOptions) => ({ options: { ...STRICT, ...options } });
  must(
    'CLAT-12',
    'an error from nobody’s router is sent as ours (RSRC-4)',
    error,
    (outcome) => {
      expect(outcome.reason).toBe('Translated46');
      expect([...outcome.outputs[0]!.subarray(8, 24)]).toEqual(
        [...as6(data, { src: OWN6, dst: OWN6 })].slice(8, 24),
      );
    },
    outputs({}),
  );
  must(
    'CLAT-12',
    'and by nobody without an address of ours',
    error,
    drops('UnmappedErrorSource46'),
    outputs({ 'ipv6-addr': undefined }),
  );
  must(
    'CLAT-12',
    'what hairpinning turns back was received as IPv6',
    packet6(data, { src: '2001:db8:64::10.0.0.9', dst: '2001:db8:64::192.0.2.1' }),
    hairpins(as6(data, { src: '2001:db8:64::10.0.0.9', dst: '2001:db8:1::1' })),
    { options: STRICT },
  );
});

describe('the default', () => {
  const strict = (raw: RawOptions): boolean => {
    const loaded = loadRun(raw, { read: () => new Uint8Array() });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
    return loaded.config.translation.strictSource;
  };
  const eam = ['192.0.2.1=2001:db8:1::1'];
  const lan = ['192.168.1.0/24=2001:db8:12:3401::/96'];
  test.each([
    ['automatic', {}, true],
    ['automatic, not wanted', { 'strict-source': false }, false],
    ['automatic with --lan', { lan }, true],
    ['by hand', { eam }, false],
    ['by hand, wanted', { eam, 'strict-source': true }, true],
    ['by hand, from a file', { 'eam-file': 'x' }, false],
    ['by hand with --lan', { eam, lan }, true],
    ['by hand with --lan, not wanted', { eam, lan, 'strict-source': false }, false],
    ['the host is left alone', { configure: false }, false],
  ] as const)('CLAT-12: %s', (_, raw, expected) => expect(strict(raw as RawOptions)).toBe(expected));
  test('CLAT-12: replay with --lan as run', () => {
    expect(configure({ lan }).strictSource).toBe(true);
    expect(configure().strictSource).toBe(false);
  });
});
