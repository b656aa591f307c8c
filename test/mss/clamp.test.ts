/** TCP MSS clamping: MSS-1..3. */
import { as4, as6 } from '../support/expect.ts';
import { becomes, type MustOptions, must } from '../support/must.ts';
import { type Bytes, fh, HOST6, PEER6, packet4, packet6, tcp, u16, v4, v6 } from '../support/packets.ts';

const SYN = 2;
const mss = (value: number): Bytes => [2, 4, ...u16(value)];
const syn = (options: Bytes, flags = SYN): ReturnType<typeof tcp> => tcp({ flags, options });
const to = (clamp: string, more = {}): MustOptions => ({ options: { 'mss-clamp': clamp, ...more } });

must('MSS-1', 'off: options are left alone', packet4(syn(mss(1460))), becomes(as6(syn(mss(1460)))));
must('MSS-2', 'lowered, 46', packet4(syn(mss(1460))), becomes(as6(syn(mss(1200)))), to('1200'));
must('MSS-2', 'lowered, 64', packet6(syn(mss(1440))), becomes(as4(syn(mss(1200)))), to('1200'));
must(
  'MSS-2',
  'SYN ACK too',
  packet4(syn(mss(1460), SYN | 16)),
  becomes(as6(syn(mss(1200), SYN | 16))),
  to('1200'),
);
must('MSS-2', 'never raised', packet4(syn(mss(1000))), becomes(as6(syn(mss(1000)))), to('1200'));
must('MSS-2', 'never inserted', packet4(syn([1, 1, 1, 0])), becomes(as6(syn([1, 1, 1, 0]))), to('1200'));
must('MSS-2', 'not without SYN', packet4(syn(mss(1460), 16)), becomes(as6(syn(mss(1460), 16))), to('1200'));
must('MSS-2', 'auto by mtu6', packet4(syn(mss(9000))), becomes(as6(syn(mss(1440)))), to('auto'));
must(
  'MSS-2',
  'auto by mtu4',
  packet4(syn(mss(9000))),
  becomes(as6(syn(mss(1360)))),
  to('auto', { 'ipv4-mtu': '1400' }),
);
must(
  'MSS-2',
  'the first option of its kind counts',
  packet4(syn([...mss(1400), ...mss(1500)])),
  becomes(as6(syn([...mss(1200), ...mss(1500)]))),
  to('1200'),
);
must(
  'MSS-2',
  'kind 0 ends the list',
  packet4(syn([0, 0, 0, 0, ...mss(1460)])),
  becomes(as6(syn([0, 0, 0, 0, ...mss(1460)]))),
  to('1200'),
);
must(
  'MSS-2',
  'a length below 2 ends it',
  packet4(syn([8, 1, 0, 0, ...mss(1460)])),
  becomes(as6(syn([8, 1, 0, 0, ...mss(1460)]))),
  to('1200'),
);
must(
  'MSS-2',
  'a length past the header ends it',
  packet4(syn([8, 20, 0, 0, ...mss(1460)])),
  becomes(as6(syn([8, 20, 0, 0, ...mss(1460)]))),
  to('1200'),
);
must(
  'MSS-2',
  'kind 2 of another length is none',
  packet4(syn([2, 6, 5, 0, 1, 1, 1, 1])),
  becomes(as6(syn([2, 6, 5, 0, 1, 1, 1, 1]))),
  to('1200'),
);
for (const pads of [1, 2, 3]) {
  const options = (value: number): Bytes => [
    ...new Array<number>(pads).fill(1),
    ...mss(value),
    ...new Array<number>(4 - pads).fill(0),
  ];
  must(
    'MSS-3',
    `behind ${pads} NOPs (${pads % 2 ? 'odd' : 'even'} offset)`,
    packet4(syn(options(1460))),
    becomes(as6(syn(options(1234)))),
    to('1234'),
  );
}
const cut = syn(mss(1460)).in4().slice(0, 20);
must(
  'MSS-2',
  'a header longer than the bytes present is left alone',
  v4({ proto: 6, payload: cut }),
  (outcome) => {
    if (outcome.reason !== 'Translated46' || outcome.outputs[0]!.length !== 60)
      throw new Error('was touched');
  },
  to('1200'),
);
const first = syn([...mss(1460), 1, 1, 1, 1]);
must(
  'MSS-2',
  'a first fragment',
  v4({ proto: 6, mf: true, payload: [...first.in4(), 0, 0, 0, 0].slice(0, 24) }),
  (outcome) => {
    const output = outcome.outputs[0]!;
    if (output[48 + 22]! * 256 + output[48 + 23]! !== 1460)
      throw new Error('a header that is cut off was touched');
  },
  to('1200'),
);
must(
  'MSS-2',
  'a later fragment',
  v4({ proto: 6, offset: 24, payload: first.in4() }),
  becomes(
    v6({ src: HOST6, dst: PEER6, hop: 63, next: 44, payload: [...fh(6, { offset: 24 }), ...first.in4()] }),
  ),
  to('1200'),
);
