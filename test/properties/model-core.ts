/** Compares the translator with the specification as a program (test/support/model), packet for packet. */
import type { RawOptions } from '../../src/config/load.ts';
import { OfflineTranslator } from '../../src/dataplane/offline.ts';
import { type Expected, expected } from '../support/model/model.ts';
import { settings } from '../support/model/settings.ts';
import { BASE, configure } from '../support/options.ts';
import { hex } from '../support/packets.ts';
import { random } from './mutate.ts';
import { Packets } from './packets-at-random.ts';

/** A packet in error may have several faults; it is dropped in silence whichever is met first. */
const sameSilence = ({ reason, or }: Expected, got: string): boolean =>
  [reason, or].some((want) => want === got || (want?.startsWith('Inner') && got.startsWith('Inner')));

/** The first packet on which the two differ, told at length; null: none of `count`. */
export function firstDifference(overrides: RawOptions, count: number, seed: number): string | null {
  const options: RawOptions = { ...BASE, ...overrides };
  const of = settings(options);
  const engine = new OfflineTranslator(configure(overrides), { identification: 0xabcd });
  const packets = new Packets(random(seed), options.pool6 as string | undefined);
  for (let n = 0; n < count; n++) {
    const packet = packets.next();
    const want = expected(of, packet);
    const got = engine.translate(Uint8Array.from(packet));
    const reason = sameSilence(want, got.reason) ? got.reason : want.reason;
    const wanted = [want.verdict, reason, ...want.outputs.map(hex)].join('\n  ');
    const given = [got.verdict, got.reason, ...got.outputs.map((output) => hex(output))].join('\n  ');
    if (wanted === given) continue;
    return `packet ${n} of seed ${seed}, ${JSON.stringify(overrides)}:\n  ${hex(packet)}\nmust be\n  ${wanted}\nis\n  ${given}`;
  }
  return null;
}
