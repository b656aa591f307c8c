/** What the answers of several DNS servers amount to (DISC-6). */
import { describe, expect, it } from 'vitest';
import { formatPrefix6 } from '../../src/address/format.ts';
import type { DnsAnswer } from '../../src/host/dns-message.ts';
import { judgeAnswers, type ServerAnswer } from '../../src/host/dns-verdict.ts';
import { parseKernel6 } from '../../src/host/text.ts';

describe('what several answers amount to (DISC-6)', () => {
  const say = (address: string, answer: DnsAnswer): ServerAnswer => ({
    server: { address, port: 53 },
    answer,
  });
  const gives = (text: string, ttl = 300): DnsAnswer => ({
    is: 'answer',
    addresses: [parseKernel6(text)],
    ttl,
  });
  const NODATA: DnsAnswer = { is: 'negative', why: 'there is no AAAA record' };
  const SILENT: DnsAnswer = { is: 'failed', why: 'no answer within 3 s', silent: true };
  const WILDCARD = gives('2001:db8::1');
  const FAULTY = gives('ff02::192.0.0.170');
  const A = gives('2001:db8:a::192.0.0.170');
  const B = gives('2001:db8:b::192.0.0.170');
  const verdict = (holder: string | null, ...answers: DnsAnswer[]): string => {
    const got = judgeAnswers(
      answers.map((answer, i) => say(`s${i + 1}`, answer)),
      holder,
    );
    return got.is === 'prefixes'
      ? `${got.server} ${formatPrefix6(got.prefixes[0]!)}${got.holderSilent ? ', holder silent' : ''}`
      : got.is;
  };

  it.each<[string, DnsAnswer[], string]>([
    ['all negative', [NODATA, NODATA], 'negative'],
    ['a wildcard alone', [WILDCARD], 'negative'],
    ['a wildcard, a faulty prefix, NODATA', [WILDCARD, FAULTY, NODATA], 'negative'],
    ['a wildcard before a good one', [WILDCARD, A], 's2 2001:db8:a::/96'],
    ['a faulty prefix before a good one', [FAULTY, A], 's2 2001:db8:a::/96'],
    ['one silent, the rest negative', [SILENT, NODATA], 'silent'],
    [
      'one refuses, the rest negative',
      [NODATA, { is: 'failed', why: 'the server answered REFUSED' }],
      'silent',
    ],
    ['all silent', [SILENT, SILENT], 'silent'],
    ['two good ones: the order of the list', [A, B], 's1 2001:db8:a::/96'],
    ['nobody', [], 'silent'],
  ])('%s', (_what, answers, is) => {
    expect(verdict(null, ...answers)).toBe(is);
  });

  it('the silence of the server that gave the prefix is silence, whatever others say', () => {
    expect(verdict('s1', SILENT, B)).toBe('s2 2001:db8:b::/96, holder silent');
    expect(verdict('s1', SILENT, NODATA)).toBe('silent');
    expect(verdict('s2', SILENT, B)).toBe('s2 2001:db8:b::/96');
    expect(verdict('s1', NODATA, B)).toBe('s2 2001:db8:b::/96');
  });
});
