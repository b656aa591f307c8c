/**
 * EAM files: `V4[/len]=V6[/len]` (or white space for `=`) a line, `#` comments, blank lines.
 *
 * A million lines must load in a few seconds, and ip-num takes several microseconds and much garbage an address: so a
 * scanner over the bytes takes the plain forms, and every line it does not take goes to the strict parser, which has the
 * last word (a property test holds the two against each other).
 */
import type { EamList } from '../address/eam.ts';
import { mask32 } from '../address/ip.ts';
import { more } from './count.ts';
import { eamFault, parseEam } from './eam-text.ts';
import type { Mistake } from './mistake.ts';

const NEWLINE = 10;
const SPACE = 32;
const TAB = 9;
const RETURN = 13;
const HASH = 35;
const SLASH = 47;
const DOT = 46;
const COLON = 58;
const EQUALS = 61;

/** More mistakes of one file than this are only counted. */
const MOST_MISTAKES = 20;

/** Reads entries of `bytes` into `list`. @param name of the file, for messages */
export function readEamFile(bytes: Uint8Array, name: string, list: EamList): Mistake[] {
  const mistakes: Mistake[] = [];
  let others = 0;
  let firstOther = 0;
  const scanner = new LineScanner(bytes);
  list.reserve(countLines(bytes));
  // A byte order mark anywhere but at the start is part of the line.
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  // A byte order mark is nobody's mistake.
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let line = 1; at < bytes.length; line++) {
    let end = bytes.indexOf(NEWLINE, at);
    if (end < 0) end = bytes.length;
    const found = scanner.scan(at, end);
    if (found === 'entry') {
      list.addWords(
        scanner.v4,
        scanner.length4,
        scanner.words[0]!,
        scanner.words[1]!,
        scanner.words[2]!,
        scanner.words[3]!,
        scanner.length6,
        line,
      );
    } else if (found === 'wrong' && mistakes.length === MOST_MISTAKES) {
      // Only counted: a million of them should not take half a minute.
      if (others++ === 0) firstOther = line;
    } else if (found !== 'blank') {
      const text = decoder.decode(bytes.subarray(at, end)).replace(/#.*$/s, '');
      const parsed = parseEam(text);
      if (parsed.ok) {
        const { v4, length4, v6, length6 } = parsed.value;
        list.add(v4, length4, v6, length6, line);
      } else if (mistakes.length < MOST_MISTAKES) {
        mistakes.push({ where: `${name}:${line}:${parsed.at + 1}`, message: parsed.message });
      } else if (others++ === 0) {
        firstOther = line;
      }
    }
    at = end + 1;
  }
  if (others > 0) {
    mistakes.push({
      where: `${name}:${firstOther}`,
      message: more(others, 'line with a mistake', 'lines with mistakes'),
    });
  }
  return mistakes;
}

function countLines(bytes: Uint8Array): number {
  let lines = 1;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) lines++;
  return lines;
}

/** Takes the plain forms of a line. */
class LineScanner {
  v4 = 0;
  length4 = 32;
  /** The IPv6 prefix. */
  readonly words = new Int32Array(4);
  length6 = 128;
  readonly #bytes: Uint8Array;
  readonly #groups = new Uint16Array(8);
  /** Where the last part ended. */
  #at = 0;
  #value = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /**
   * Looks at the line [at, end). An 'entry' is right in itself (EAM-1). One that is 'wrong' is not, and the strict parser
   * can say why; whether an 'unsure' one is, only the strict parser can say.
   */
  scan(at: number, end: number): 'entry' | 'blank' | 'wrong' | 'unsure' {
    const bytes = this.#bytes;
    at = this.#blanks(at, end);
    if (at === end || bytes[at] === HASH) return 'blank';
    if (!this.#ip4(at, end)) return 'unsure';
    at = this.#blanks(this.#at, end);
    const spaced = at > this.#at;
    if (at < end && bytes[at] === EQUALS) at = this.#blanks(at + 1, end);
    else if (!spaced) return 'unsure';
    if (!this.#ip6(at, end)) return 'unsure';
    at = this.#blanks(this.#at, end);
    if (at < end && bytes[at] !== HASH) return 'unsure';
    const { v4, length4, length6, words } = this;
    if ((v4 & ~mask32(length4)) !== 0) return 'wrong';
    for (let i = 0; i < 4; i++) if ((words[i]! & ~mask32(length6 - 32 * i)) !== 0) return 'wrong';
    return eamFault(v4, length4, words, length6) === null ? 'entry' : 'wrong';
  }

  #blanks(at: number, end: number): number {
    const bytes = this.#bytes;
    while (at < end && (bytes[at] === SPACE || bytes[at] === TAB || bytes[at] === RETURN)) at++;
    return at;
  }

  #ip4(at: number, end: number): boolean {
    if (!this.#quad(at, end)) return false;
    this.v4 = this.#value;
    const length = this.#length(end, 32);
    this.length4 = length;
    return length >= 0;
  }

  #ip6(at: number, end: number): boolean {
    const bytes = this.#bytes;
    const groups = this.#groups;
    let count = 0;
    let gap = -1;
    if (bytes[at] === COLON) {
      if (bytes[at + 1] !== COLON) return false;
      gap = 0;
      at += 2;
    }
    for (;;) {
      let value = 0;
      let digits = 0;
      for (let digit = at < end ? hex(bytes[at]!) : -1; digit >= 0 && digits < 5; digits++) {
        value = (value << 4) | digit;
        at++;
        digit = at < end ? hex(bytes[at]!) : -1;
      }
      if (digits === 0) {
        // Only right at the end of "::".
        if (gap === count) break;
        return false;
      }
      if (digits > 4 || count === 8) return false;
      if (at < end && bytes[at] === DOT) {
        // The last two groups as an IPv4 address.
        if (count > 6 || !this.#quad(at - digits, end)) return false;
        groups[count++] = this.#value >>> 16;
        groups[count++] = this.#value;
        at = this.#at;
        break;
      }
      groups[count++] = value;
      if (at >= end || bytes[at] !== COLON) break;
      at++;
      if (at < end && bytes[at] === COLON) {
        if (gap >= 0) return false;
        gap = count;
        at++;
      } else if (at >= end || hex(bytes[at]!) < 0) {
        return false;
      }
    }
    if (gap < 0 ? count !== 8 : count > 7) return false;
    if (gap >= 0) {
      groups.copyWithin(8 - (count - gap), gap, count);
      groups.fill(0, gap, 8 - (count - gap));
    }
    for (let i = 0; i < 4; i++) this.words[i] = (groups[2 * i]! << 16) | groups[2 * i + 1]!;
    this.#at = at;
    const length = this.#length(end, 128);
    this.length6 = length;
    return length >= 0;
  }

  /** Four decimal numbers, into #value. */
  #quad(at: number, end: number): boolean {
    const bytes = this.#bytes;
    let value = 0;
    for (let octet = 0; octet < 4; octet++) {
      if (octet > 0 && (at >= end || bytes[at++] !== DOT)) return false;
      const number = this.#decimal(at, end, 255);
      if (number < 0) return false;
      at = this.#at;
      value = (value << 8) | number;
    }
    this.#value = value;
    return true;
  }

  /** The prefix length that follows, `most` where none does, or -1. */
  #length(end: number, most: number): number {
    if (this.#at >= end || this.#bytes[this.#at] !== SLASH) return most;
    return this.#decimal(this.#at + 1, end, most);
  }

  /** A decimal number without leading zeros, or -1. */
  #decimal(at: number, end: number, most: number): number {
    const bytes = this.#bytes;
    const start = at;
    let value = 0;
    while (at < end && at - start < 4) {
      const digit = bytes[at]! - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      at++;
    }
    if (at === start || value > most || (bytes[start] === 48 && at - start > 1)) return -1;
    this.#at = at;
    return value;
  }
}

function hex(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 0x20;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
