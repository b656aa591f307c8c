/** RFC 7915 §5.3: the packet in an ICMPv6 error. IERR-*. */
import { describe, expect } from 'vitest';
import { inner4, inner6, message, result, STRANGER6 } from '../support/errors64.ts';
import { becomes, drops, type MustOptions, must } from '../support/must.ts';
import {
  type Bytes,
  counting,
  dccp,
  fh,
  HOST4,
  HOST6,
  icmp4,
  icmp6,
  opaque,
  optionsHeader,
  PEER4,
  PEER6,
  routing,
  tcp,
  u32,
  udp,
  udpLite,
  v4,
  v6,
} from '../support/packets.ts';

describe('the packet in error', () => {
  const quoted = (id: string, what: string, six: Bytes, four: Bytes, options: MustOptions = {}): void =>
    must(id, what, message(1, 0, u32(0), six), becomes(result(3, 1, u32(0), four)), options);
  quoted('IERR-1', 'TCP', inner6(tcp({ data: counting(9) })), inner4(tcp({ data: counting(9) })));
  quoted(
    'IERR-3',
    'Hop Limit and Traffic Class are copied',
    inner6(udp(), { hop: 1, tc: 0xb8, flow: 5 }),
    inner4(udp(), { ttl: 1, tos: 0xb8 }),
  );
  must(
    'IERR-3',
    'with the option, outside too',
    message(1, 0, u32(0), inner6(udp(), { tc: 0xb8 })),
    becomes(result(3, 1, u32(0), inner4(udp(), { tos: 7 }), { tos: 7 })),
    { options: { 'override-tos': '7' } },
  );
  quoted(
    'IERR-4',
    'extension headers are left behind',
    v6({
      src: PEER6,
      dst: HOST6,
      hop: 9,
      next: 0,
      payload: [...optionsHeader(17), ...udp().in6(PEER6, HOST6)],
    }),
    inner4(),
  );
  quoted(
    'IERR-4',
    'the claimed length is translated',
    inner6(udp(), { payloadLength: 1000 }),
    inner4(udp(), { totalLength: 1020 }),
  );
  quoted(
    'IERR-6',
    'Total Length above 1260: DF',
    inner6(udp(), { payloadLength: 1241 }),
    inner4(udp(), { totalLength: 1261, df: true }),
  );
  quoted(
    'IERR-6',
    'Total Length 1260: no DF',
    inner6(udp(), { payloadLength: 1240 }),
    inner4(udp(), { totalLength: 1260 }),
  );
  must(
    'IERR-4',
    'a length IPv4 cannot hold',
    message(1, 0, u32(0), inner6(udp(), { payloadLength: 65516 })),
    drops('InnerLength64'),
  );
  must(
    'IERR-1',
    'an error about an error',
    message(1, 0, u32(0), inner6(opaque(58, icmp6(1, 0, u32(0), inner6(), PEER6, HOST6)))),
    drops('InnerIcmp64'),
  );
  must(
    'IERR-1',
    'no ICMP error is made because of what is inside',
    message(
      1,
      0,
      u32(0),
      v6({ src: PEER6, dst: HOST6, next: 43, payload: [...routing(17, 1), ...udp().in6()] }),
    ),
    drops('InnerProtocol64'),
  );
  must('IERR-2', 'a quote of 39 bytes', message(1, 0, u32(0), inner6().slice(0, 39)), drops('InnerShort64'));
  must(
    'IERR-2',
    'version 4 inside',
    message(1, 0, u32(0), inner6(udp(), { version: 4 })),
    drops('InnerMalformed64'),
  );
  must(
    'IERR-2',
    'a chain that is cut',
    message(1, 0, u32(0), v6({ src: PEER6, dst: HOST6, next: 60, payload: [17, 4, 0, 0, 0, 0, 0, 0] })),
    drops('InnerShort64'),
  );
  quoted('IERR-2', 'TCP cut at 8 bytes', inner6(tcp()).slice(0, 48), inner4(tcp()).slice(0, 28));
  quoted(
    'IERR-5',
    'a later fragment',
    v6({
      src: PEER6,
      dst: HOST6,
      hop: 9,
      next: 44,
      payload: [...fh(17, { offset: 8, id: 0x10007 }), ...counting(9)],
    }),
    v4({ src: PEER4, dst: HOST4, ttl: 9, id: 7, offset: 8, proto: 17, payload: counting(9) }),
  );
  must(
    'IERR-5',
    'fragmented ICMPv6',
    message(
      1,
      0,
      u32(0),
      v6({
        src: PEER6,
        dst: HOST6,
        next: 44,
        payload: [...fh(58, { more: true }), ...icmp6(128, 0, u32(1))],
      }),
    ),
    drops('InnerFragmentedIcmp64'),
  );
  quoted(
    'IERR-7',
    'an echo inside',
    inner6(opaque(58, icmp6(129, 4, u32(5), counting(9), PEER6, HOST6))).map((byte) => byte),
    v4({ src: PEER4, dst: HOST4, ttl: 9, id: 0, proto: 1, payload: icmp4(0, 0, u32(5), counting(9)) }),
  );
  for (const src of ['::1', 'fe80::1', 'ff02::1', '2001:db8:64::127.0.0.1', STRANGER6]) {
    must(
      'IERR-8',
      `inner source ${src}`,
      message(1, 0, u32(0), inner6(udp(), { src })),
      drops('InnerAddress64'),
    );
    must(
      'IERR-8',
      `inner destination ${src}`,
      message(1, 0, u32(0), inner6(udp(), { dst: src })),
      drops('InnerAddress64'),
    );
  }
  for (const next of [1, 2])
    must(
      'IERR-9',
      `inner protocol ${next}`,
      message(1, 0, u32(0), inner6(opaque(next))),
      drops('InnerProtocol64'),
    );
  must(
    'IERR-9',
    'an extension behind a Fragment Header',
    message(1, 0, u32(0), v6({ src: PEER6, dst: HOST6, next: 44, payload: [...fh(60), ...counting(16)] })),
    drops('InnerProtocol64'),
  );
});

/** Where the checksum stands that covers the addresses. */
const TRANSPORTS = [
  ['TCP', tcp({ data: counting(9) }), 16],
  ['UDP', udp(counting(9)), 6],
  ['DCCP', dccp(counting(9)), 6],
  ['UDP-Lite', udpLite(counting(9)), 6],
] as const;
describe.each(TRANSPORTS)('a quote of %s cut anywhere', (_name, of, at) => {
  for (let present = 0; present <= of.in4().length; present++) {
    // A checksum that is not there whole is passed through like any byte.
    const segment = present < at + 2 ? of.in6(PEER6, HOST6) : of.in4(PEER4, HOST4);
    must(
      'IERR-7',
      `after ${present} bytes`,
      message(1, 0, u32(0), inner6(of).slice(0, 40 + present)),
      becomes(result(3, 1, u32(0), [...inner4(of).slice(0, 20), ...segment.slice(0, present)])),
    );
  }
});

describe('more of the packet in error', () => {
  const from = { src: PEER6, dst: HOST6, hop: 9 };
  for (let present = 0; present < 8; present++) {
    must(
      'IERR-2',
      `an echo of ${present} bytes inside`,
      message(
        1,
        0,
        u32(0),
        inner6(opaque(58, icmp6(128, 0, u32(1), [], PEER6, HOST6))).slice(0, 40 + present),
      ),
      drops('InnerShort64'),
    );
  }
  const bare = [...udp().in6(PEER6, HOST6).slice(0, 6), 0, 0, ...udp().in6(PEER6, HOST6).slice(8)];
  must(
    'IERR-7',
    'UDP 0 stays 0',
    message(1, 4, u32(0), inner6(opaque(17, bare))),
    becomes(result(3, 3, u32(0), inner4(opaque(17, bare)))),
  );
  must(
    'IERR-5',
    'a first fragment: checksum adjusted, identification its low 16 bits',
    message(
      3,
      1,
      u32(0),
      v6({
        ...from,
        next: 44,
        payload: [...fh(17, { more: true, id: 0xaabb0007 }), ...udp(counting(24)).in6(PEER6, HOST6)],
      }),
    ),
    becomes(result(11, 1, u32(0), inner4(udp(counting(24)), { id: 7, mf: true }))),
  );
  must(
    'IERR-6',
    'an atomic fragment inside: DF clear however long it claims to be',
    message(
      1,
      0,
      u32(0),
      v6({ ...from, next: 44, payloadLength: 1400, payload: [...fh(99, { id: 9 }), 1, 2] }),
    ),
    becomes(
      result(
        3,
        1,
        u32(0),
        v4({ src: PEER4, dst: HOST4, ttl: 9, id: 9, totalLength: 20 + 1392, payload: [1, 2] }),
      ),
    ),
  );
  for (const [length, fits] of [
    [65515, true],
    [65516, false],
  ] as const) {
    must(
      'IERR-4',
      `Payload Length ${length}`,
      message(1, 0, u32(0), inner6(opaque(99, [1]), { payloadLength: length })),
      fits
        ? becomes(result(3, 1, u32(0), inner4(opaque(99, [1]), { totalLength: 65535, df: true })))
        : drops('InnerLength64'),
    );
  }
  must(
    'IERR-4',
    'extension headers longer than the claim',
    message(1, 0, u32(0), v6({ ...from, next: 60, payloadLength: 7, payload: optionsHeader(99) })),
    (outcome) => expect(outcome).toMatchObject({ verdict: 'dropped', outputs: [] }),
  );
  must(
    'IERR-4',
    'extension headers as long as the claim',
    message(1, 0, u32(0), v6({ ...from, next: 60, payload: optionsHeader(99) })),
    becomes(result(3, 1, u32(0), inner4(opaque(99, [])))),
  );
  const chain = (n: number): Bytes =>
    v6({
      ...from,
      next: 60,
      payload: [...Array.from({ length: n }, (_, i) => optionsHeader(i === n - 1 ? 99 : 60)).flat(), 7],
    });
  must(
    'IERR-9',
    '16 extension headers inside',
    message(1, 0, u32(0), chain(16)),
    becomes(result(3, 1, u32(0), inner4(opaque(99, [7])))),
  );
  must('IERR-9', '17 extension headers inside', message(1, 0, u32(0), chain(17)), drops('InnerProtocol64'));
  for (const next of [0, 43, 60, 51, 135, 139, 140, 44]) {
    must(
      'IERR-9',
      `${next} behind a Fragment Header`,
      message(1, 0, u32(0), v6({ ...from, next: 44, payload: [...fh(next), ...optionsHeader(17)] })),
      drops('InnerProtocol64'),
    );
  }
  for (const next of [50, 51, 59, 135, 139, 140]) {
    must(
      'IERR-9',
      `protocol ${next} inside`,
      message(1, 0, u32(0), inner6(opaque(next))),
      becomes(result(3, 1, u32(0), inner4(opaque(next)))),
    );
  }
  must(
    'IERR-8',
    'an inner address that the well-known prefix must not carry',
    v6({
      src: '64:ff9b::8.8.8.8',
      dst: '64:ff9b::8.8.4.4',
      next: 58,
      payload: icmp6(
        1,
        0,
        u32(0),
        v6({ ...from, src: '64:ff9b::10.0.0.1', payload: [1] }),
        '64:ff9b::8.8.8.8',
        '64:ff9b::8.8.4.4',
      ),
    }),
    drops('InnerAddress64'),
    { options: { pool6: '64:ff9b::/96' } },
  );
});
