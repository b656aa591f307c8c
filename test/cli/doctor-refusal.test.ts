/** doctor names the rule by which the translator itself refuses a target. */
import { expect, test } from 'vitest';
import { parseIp4, parsePrefix6 } from '../../src/address/parse.ts';
import { refusal } from '../../src/cli/doctor-refusal.ts';
import { loadTranslation, type RawOptions } from '../../src/config/load.ts';
import { judgeThrough } from '../../src/host/doctor/through.ts';

const said = (raw: RawOptions, prefix: string, target: string) => {
  const loaded = loadTranslation(raw, { read: () => new Uint8Array() });
  const [pool6, address] = [parsePrefix6(prefix), parseIp4(target)];
  if (!loaded.ok || !pool6.ok || !address.ok) throw new Error('made up wrongly');
  return { by: refusal(loaded.config, pool6.value, address.value), address: address.value };
};

test.each<[RawOptions, string, string, string | undefined]>([
  [{}, '64:ff9b::/96', '1.1.1.1', undefined],
  [{}, '64:ff9b::/96', '198.51.100.10', 'WkpDestination46'],
  [{ 'wkpf-strict': false }, '64:ff9b::/96', '198.51.100.10', undefined],
  [{}, '2001:db8:64::/96', '198.51.100.10', undefined],
  [{ eam: '192.0.0.2=2001:db8:1::2' }, '64:ff9b::/96', '10.0.0.1', 'WkpDestination46'],
])('%j, NAT64 %s, target %s: %s', (raw, prefix, target, reason) => {
  expect(said(raw, prefix, target).by?.reason).toBe(reason);
});

test('any other reason is named too, and what it says is the table’s', () => {
  const { by, address } = said({ denylist4: '203.0.113.0/24' }, '2001:db8:64::/96', '203.0.113.9');
  expect(by?.remedy).toMatch(/^see `clatd explain \w+46`$/);
  const checks = judgeThrough(
    { is: 'refused', target: { address, port: 443 }, by: by! },
    { is: 'not-tried', why: 'x' },
  );
  expect(checks.map(({ state }) => state)).toEqual(['problem', 'problem', 'skipped']);
  expect(checks[0]!.found).toBe(`the translator refuses 203.0.113.9: ${by!.reason}. ${by!.text}`);
});

test('the well-known prefix rule comes with the option that lifts it', () => {
  expect(said({}, '64:ff9b::/96', '198.51.100.10').by?.remedy).toContain('--no-wkpf-strict');
});
