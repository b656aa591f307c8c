/** Answers of DNS servers octet by octet, as no library of ours would write them (DISC-4, DISC-5, DISC-6). */
import dns from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { formatIp6 } from '../../src/address/format.ts';
import { type DnsAnswer, makeQuestion, readAnswer } from '../../src/host/dns-message.ts';

const NAME = 'ipv4only.arpa';
const answerIn = (message: Uint8Array): DnsAnswer | undefined => readAnswer(message, 7)?.answer;

describe('hostile answers', () => {
  const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'));
  const QUESTION = '0869707634 6f6e6c79 0461727061 00 001c 0001';
  const header = (flags: string, answers: number, questions = '0001'): string =>
    `0007 ${flags} ${questions} ${answers.toString(16).padStart(4, '0')} 0000 0000`;
  const message = (...records: string[]): Uint8Array =>
    hex(`${header('8180', records.length)} ${QUESTION} ${records.join('')}`);
  /** The name of the question is at offset 12. */
  const aaaa = (data: string, owner = 'c00c', kind = '001c 0001'): string => {
    const length = (data.replace(/\s/g, '').length / 2).toString(16).padStart(4, '0');
    return `${owner} ${kind} 0000012c ${length} ${data}`;
  };
  const GOOD = '0064ff9b 00000000 00000000 c00000aa';
  const found = (text: Uint8Array): string | undefined => {
    const answer = answerIn(text);
    return answer?.is === 'answer'
      ? `${answer.addresses.map((one) => formatIp6(one)).join(' ')} ${answer.ttl}`
      : answer?.is;
  };

  it('the question as it goes out: recursion desired, no checking disabled (DISC-4)', () => {
    expect(Buffer.from(makeQuestion(0x1234)).toString('hex')).toBe(
      hex(`1234 0100 0001 0000 0000 0000 ${QUESTION}`).reduce(
        (text, octet) => text + octet.toString(16).padStart(2, '0'),
        '',
      ),
    );
    expect(dns.decode(Buffer.from(makeQuestion(7))).questions).toMatchObject([
      { type: 'AAAA', name: NAME, class: 'IN' },
    ]);
  });

  it('one as it should be', () => {
    expect(found(message(aaaa(GOOD)))).toBe('64:ff9b::c000:aa 300');
  });

  it.each([
    ['4 octets', aaaa('c00000aa')],
    ['15 octets', aaaa(GOOD.slice(0, -2))],
    ['17 octets', aaaa(`${GOOD}00`)],
    ['32 octets', aaaa(`${GOOD}${GOOD}`)],
    ['none', aaaa('')],
  ])('an AAAA of %s is none, and hides none behind it', (_what, record) => {
    expect(found(message(record))).toBe('negative');
    expect(found(message(record, aaaa(GOOD)))).toBe('64:ff9b::c000:aa 300');
  });

  it.each([
    ['another class', aaaa(GOOD, 'c00c', '001c 0003')],
    ['another type', aaaa(GOOD, 'c00c', '0010 0001')],
    ['another name', aaaa(GOOD, '0161 c00c')],
    ['the parent’s name', aaaa(GOOD, 'c015')],
  ])('a record of %s is not ours', (_what, record) => {
    expect(found(message(record))).toBe('negative');
  });

  it('aliases are followed, in any order, and their TTL counts', () => {
    const alias = (owner: string, target: string): string => {
      const length = (target.replace(/\s/g, '').length / 2).toString(16).padStart(4, '0');
      return `${owner} 0005 0001 0000003c ${length} ${target}`;
    };
    // a.ipv4only.arpa stands in the data of the first record.
    expect(found(message(alias('c00c', '0161 c00c'), aaaa(GOOD, '0161 c00c')))).toBe('64:ff9b::c000:aa 60');
    expect(found(message(aaaa(GOOD, '0161 c00c'), alias('c00c', '0161 c00c')))).toBe('64:ff9b::c000:aa 60');
    // An alias of itself, and one that leads elsewhere.
    expect(found(message(alias('c00c', 'c00c'), aaaa(GOOD)))).toBe('64:ff9b::c000:aa 60');
    expect(found(message(alias('c00c', '0162 c00c'), aaaa(GOOD, '0161 c00c')))).toBe('negative');
  });

  it.each([
    ['a pointer to itself', 'c01f'],
    ['a pointer forward', 'c0ff'],
    ['a pointer to the end', 'c0'],
    ['a label type of old', '4161'],
    ['a label over the end', '3f61'],
  ])('%s is an answer that cannot be read', (_what, owner) => {
    expect(answerIn(message(aaaa(GOOD, owner)))).toMatchObject({
      is: 'failed',
      why: 'an answer that cannot be read',
    });
  });

  it('names longer than a name may be, by pointers from label to label', () => {
    const label = `3f${'61'.repeat(63)}`;
    expect(answerIn(message(`${label.repeat(4)} c00c 001c 0001 0000012c 0010 ${GOOD}`))).toMatchObject({
      is: 'failed',
    });
  });

  it.each([
    [127, '64:ff9b::c000:aa 300'],
    [128, 'failed'],
    [8000, 'failed'],
  ])('a name by way of %i pointers, each to the one before', (pointers, what) => {
    const pointer = (to: number): string => (0xc000 | to).toString(16);
    // In the data of a record that nobody reads: behind header, question and the record's own header.
    const start = 12 + 19 + 12;
    const chain = Array.from({ length: pointers - 1 }, (_, i) =>
      pointer(i === 0 ? 12 : start + 2 * (i - 1)),
    ).join('');
    const last = pointer(start + 2 * (pointers - 2));
    expect(found(message(aaaa(chain, 'c00c', '0010 0001'), aaaa(GOOD, last)))).toBe(what);
  });

  it('a TTL of the highest bit counts as 0 (RFC 2181 §8)', () => {
    expect(found(message(aaaa(GOOD).replace('0000012c', '8000012c')))).toBe('64:ff9b::c000:aa 30');
  });

  it('cut at every octet, and with every octet changed: an answer, none, or not ours; never an exception', () => {
    const whole = message(aaaa(GOOD), aaaa(GOOD.replace('aa', 'ab')));
    for (let length = 0; length < whole.length; length++) {
      const got = readAnswer(whole.subarray(0, length), 7);
      expect(got === null || got.answer.is === 'failed').toBe(true);
      for (const value of [0, 0x3f, 0x40, 0xc0, 0xff]) {
        const changed = whole.slice();
        changed[length] = value;
        readAnswer(changed, 7);
      }
    }
  });

  it.each([
    ['a question', `${header('0100', 1)} ${QUESTION} ${aaaa(GOOD)}`, undefined],
    ['another opcode', `${header('9180', 1)} ${QUESTION} ${aaaa(GOOD)}`, undefined],
    ['two questions', `${header('8180', 1, '0002')} ${QUESTION} ${QUESTION} ${aaaa(GOOD)}`, undefined],
    ['REFUSED without a question', header('8185', 0, '0000'), 'failed'],
    ['NXDOMAIN without a question', header('8183', 0, '0000'), undefined],
  ])('%s', (_what, text, is) => {
    expect(answerIn(hex(text))?.is).toBe(is);
  });

  it('the question asked in capitals is ours; of another type or class it is not', () => {
    const with_ = (question: string): Uint8Array => hex(`${header('8180', 1)} ${question} ${aaaa(GOOD)}`);
    expect(found(with_(QUESTION.replace('697076', '495056')))).toBe('64:ff9b::c000:aa 300');
    expect(readAnswer(with_(QUESTION.replace('001c 0001', '0001 0001')), 7)).toBeNull();
    expect(readAnswer(with_(QUESTION.replace('001c 0001', '001c 0003')), 7)).toBeNull();
  });

  it('cut off by TC: what is whole counts, and it is said', () => {
    const cut = hex(`${header('8380', 2)} ${QUESTION} ${aaaa(GOOD)} ${aaaa(GOOD).slice(0, 40)}`);
    expect(readAnswer(cut, 7)).toMatchObject({ truncated: true, answer: { is: 'answer', ttl: 300 } });
  });
});
