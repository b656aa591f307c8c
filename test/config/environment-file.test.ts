/** Environment files and words as systemd reads them. */
import { expect, test } from 'vitest';
import { parseEnvironment, splitUnquoted } from '../../src/config/environment-file.ts';

test.each<[string, string | undefined]>([
  ['CLATD_OPTS=""', ''],
  ['# x\n; y\n\nCLATD_OPTS="--pool6 64:ff9b::/96"\n', '--pool6 64:ff9b::/96'],
  ["CLATD_OPTS='--tun a'", '--tun a'],
  ['CLATD_OPTS=--tun a b  ', '--tun a b'],
  ['CLATD_OPTS="--tun a" \\\n  "--workers 2"', '--tun a   --workers 2'],
  ['CLATD_OPTS="--tun a \\\n--workers 2"', '--tun a --workers 2'],
  ['CLATD_OPTS="a \\"b\\" \\x"', 'a "b" \\x'],
  ['CLATD_OPTS=one\nCLATD_OPTS=two', 'two'],
  ['CLATD_OPTS="first\nsecond"\nOTHER=1', 'first\nsecond'],
  ['#CLATD_OPTS="x"', undefined],
  ['OTHER=1', undefined],
])('%j', (text, value) => expect(parseEnvironment(text).get('CLATD_OPTS')).toBe(value));

test.each<[string, string[]]>([
  ['', []],
  ['  --pool6   64:ff9b::/96 ', ['--pool6', '64:ff9b::/96']],
  ['--eam-file "/a b/c" \'d e\'', ['--eam-file', '/a b/c', 'd e']],
  ['a\\ b "" c"d e"f', ['a b', '', 'cd ef']],
  ['"never ended', ['never ended']],
])('%j as words', (text, words) => expect(splitUnquoted(text)).toEqual(words));
