/** Tests as sentences: must('T46-HDR-6', what, packet, refuses('TtlExpired46', …)). */
import { expect, test } from 'vitest';
import type { Inside } from '../../src/address/inside.ts';
import type { RawOptions } from '../../src/config/load.ts';
import { OfflineTranslator, type Outcome } from '../../src/dataplane/offline.ts';
import type { ReasonName, Verdict } from '../../src/translate/reasons.ts';
import { configure } from './options.ts';
import { type Bytes, hex } from './packets.ts';

export { configure };

/** Identification of IPv4 packets in tests. */
export const ID = 0xabcd;

export interface MustOptions {
  options?: RawOptions;
  vnetBytes?: 0 | 10 | 12;
  nowMs?: number;
  /** CLAT-13: what is on this side of the translator. */
  inside?: Inside;
}

export function translator(
  options: RawOptions = {},
  vnetBytes: 0 | 10 | 12 = 0,
  inside?: Inside,
): OfflineTranslator {
  // A seed: which sources share a bucket (GERR-4) is chance otherwise.
  return new OfflineTranslator(configure(options), {
    identification: ID,
    vnetBytes,
    seed: 1,
    ...(inside === undefined ? {} : { inside }),
  });
}

/** Translates one packet; checks that the input was left alone. */
export function translate(
  packet: Bytes,
  { options = {}, vnetBytes = 0, nowMs = 0, inside }: MustOptions = {},
): Outcome {
  const input = Uint8Array.from(packet);
  const outcome = translator(options, vnetBytes, inside).translate(input, nowMs);
  expect(hex(input), 'the input was modified').toBe(hex(packet));
  return outcome;
}

export type Expectation = (outcome: Outcome) => void;

function check(
  outcome: Outcome,
  reason: ReasonName | null,
  verdict: Verdict,
  outputs: readonly Bytes[],
): void {
  if (reason !== null) expect(outcome.reason).toBe(reason);
  expect(outcome.outputs.map((bytes) => hex(bytes))).toEqual(outputs.map(hex));
  expect(outcome.verdict).toBe(verdict);
}

/** Translated to exactly these packets. */
export const becomes =
  (...packets: Bytes[]): Expectation =>
  (outcome) => {
    expect(outcome.reason).toMatch(/^Translated(46|64)$/);
    check(outcome, null, 'translated', packets);
  };
export const hairpins =
  (...packets: Bytes[]): Expectation =>
  (outcome) =>
    check(outcome, 'Hairpinned', 'hairpinned', packets);
/** Dropped without a word. */
export const drops =
  (reason: ReasonName): Expectation =>
  (outcome) =>
    check(outcome, reason, 'dropped', []);
/** Dropped, and answered with exactly this packet. */
export const replies =
  (reason: ReasonName, packet: Bytes): Expectation =>
  (outcome) =>
    check(outcome, reason, 'replied', [packet]);
/** For this reason, whatever is answered. */
export const because =
  (reason: ReasonName): Expectation =>
  (outcome) =>
    expect(outcome.reason).toBe(reason);
/** Translated, whatever to. */
export const passes: Expectation = (outcome) => expect(outcome.reason).toMatch(/^Translated(46|64)$/);
export const ignores: Expectation = (outcome) => check(outcome, 'NotIp', 'ignored', []);

/** One test: `id` is the requirement's, as in REQUIREMENTS.md. */
export function must(
  id: string,
  what: string,
  packet: Bytes,
  expectation: Expectation,
  options: MustOptions = {},
): void {
  test(`${id}: ${what}`, () => expectation(translate(packet, options)));
}
