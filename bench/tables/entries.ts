/** Tables and questions, the same in every run. */
import { EamList } from '../../src/address/eam.ts';
import { mask32 } from '../../src/address/ip.ts';

/** A small generator of 32-bit numbers (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) | 0;
  };
}

export type Lengths = 'equal' | 'mixed';

/**
 * `size` different mappings. equal: /32 with /128, all over the IPv4 space. mixed: a third each of /32 with /128, /24../31
 * with as many suffix bits, and prefixes that shorter ones may hold; the shorter the rarer.
 */
export function makeList(size: number, lengths: Lengths): EamList {
  const random = generator(size);
  const list = new EamList(size);
  const seen = new Set<number>();
  const pick = (bound: number): number => (random() >>> 0) % bound;
  while (list.size < size) {
    const kind = lengths === 'equal' ? 0 : pick(3);
    const length4 = kind === 0 ? 32 : kind === 1 ? 24 + pick(8) : 32 - Math.min(pick(17), pick(17));
    const v4 = random() & mask32(length4);
    // What is never translated cannot be mapped.
    if (v4 >>> 24 === 0 || v4 >>> 24 === 127 || v4 >>> 24 >= 224) continue;
    const key = (v4 >>> 0) * 64 + length4;
    if (seen.has(key)) continue;
    seen.add(key);
    // Different by the second and third words; an IPv6 prefix that leaves room for the IPv4 suffix.
    const number = list.size;
    const length6 = length4 === 32 ? 128 : kind === 1 ? 96 + length4 : 96;
    const low = random() & mask32(length6 - 96);
    list.addWords(v4, length4, 0x20010db8, Math.imul(number, 0x9e3779b1 | 0), number, low, length6, 0);
  }
  return list;
}

export type Pattern = 'random' | 'skewed' | 'absent';

/** As many questions as are asked in turn: more than a processor's first caches hold. */
export const QUESTIONS = 1 << 16;

export interface Questions {
  readonly v4: Int32Array;
  /** Four words each. */
  readonly v6: Int32Array;
}

/** skewed: entry k about as often as 1/k (Zipf). absent: mostly in no entry, as addresses of the whole Internet are. */
export function makeQuestions(list: EamList, pattern: Pattern): Questions {
  const random = generator(7);
  const v4 = new Int32Array(QUESTIONS);
  const v6 = new Int32Array(QUESTIONS * 4);
  for (let i = 0; i < QUESTIONS; i++) {
    if (pattern === 'absent') {
      v4[i] = random();
      v6.set([0x20010db8, 0x00640000, 0, v4[i]!], 4 * i);
      continue;
    }
    const share = (random() >>> 0) / 2 ** 32;
    const entry =
      pattern === 'random'
        ? Math.floor(share * list.size)
        : Math.min(Math.floor(list.size ** share) - 1, list.size - 1);
    v4[i] = list.v4[entry]! | (random() & ~mask32(list.length4[entry]!));
    const host = random();
    for (let word = 0; word < 4; word++) {
      const mask = mask32(list.length6[entry]! - 32 * word);
      v6[4 * i + word] = list.v6[4 * entry + word]! | (host & ~mask);
    }
  }
  return { v4, v6 };
}
