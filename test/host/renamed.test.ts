/** Interfaces under other names than when a step was done. */
import { describe, expect, it } from 'vitest';
import type { Done } from '../../src/host/plan.ts';
import { devicesOf, wasReplaced, withPresentNames } from '../../src/host/renamed.ts';

const FORWARDING: Done = {
  step: {
    kind: 'sysctl',
    key: 'net/ipv6/conf/all/forwarding',
    value: '1',
    drags: ['net/ipv6/conf/eth0/forwarding', 'net/ipv6/conf/eth0.7/forwarding'],
  },
  before: {
    values: { 'net/ipv6/conf/all/forwarding': '0', 'net/ipv6/conf/eth0/forwarding': '0' },
    devs: { eth0: 2, 'eth0.7': 3 },
  },
};
const PROXY: Done = {
  step: { kind: 'proxy', dev: 'eth0', address: '2001:db8::c1a7' },
  before: { devs: { eth0: 2 } },
};
const DELAY: Done = {
  step: { kind: 'sysctl', key: 'net/ipv6/neigh/eth0/proxy_delay', value: '0', drags: [] },
  before: { values: { 'net/ipv6/neigh/eth0/proxy_delay': '80' }, devs: { eth0: 2 } },
};
const links = (...names: string[]) => names.map((name, i) => ({ index: i + 1, name }));

describe('the interfaces of a step', () => {
  it.each<[string, Done, Record<string, number> | undefined]>([
    ['of all that a sysctl drags along', FORWARDING, { eth0: 2, 'eth0.7': 3 }],
    ['of a proxy entry', PROXY, { eth0: 2 }],
    ['of a neighbour table', DELAY, { eth0: 2 }],
    [
      'of none',
      { step: { kind: 'nft', family: 'ip', table: 'clatd_clat', rules: '' }, before: {} },
      undefined,
    ],
  ])('%s', (_, { step }, devs) => {
    expect(devicesOf(step, links('lo', 'eth0', 'eth0.7')).devs).toEqual(devs);
  });
});

describe('what was done', () => {
  it('is the same where nothing was renamed, or is gone', () => {
    for (const now of [links('lo', 'eth0', 'eth0.7'), links('lo'), []]) {
      const done = [FORWARDING, PROXY, DELAY];
      expect(withPresentNames(done, now).every((one, i) => one === done[i])).toBe(true);
    }
  });

  it('has the new name in every place', () => {
    const [forwarding, proxy, delay] = withPresentNames(
      [FORWARDING, PROXY, DELAY],
      links('lo', 'wan', 'eth0.7'),
    );
    expect(forwarding).toEqual({
      step: {
        ...FORWARDING.step,
        drags: ['net/ipv6/conf/wan/forwarding', 'net/ipv6/conf/eth0.7/forwarding'],
      },
      before: {
        values: { 'net/ipv6/conf/all/forwarding': '0', 'net/ipv6/conf/wan/forwarding': '0' },
        devs: { wan: 2, 'eth0.7': 3 },
      },
    });
    expect(proxy).toEqual({ step: { ...PROXY.step, dev: 'wan' }, before: { devs: { wan: 2 } } });
    expect(delay).toMatchObject({ step: { key: 'net/ipv6/neigh/wan/proxy_delay' } });
  });

  it('has two names that changed places', () => {
    const two = { ...PROXY, step: { ...PROXY.step, dev: 'b' }, before: { devs: { b: 3 } } };
    const now = withPresentNames([PROXY, two], links('lo', 'b', 'eth0'));
    expect(now.map(({ step }) => 'dev' in step && step.dev)).toEqual(['b', 'eth0']);
  });

  it.each([
    ['another interface has its name', links('lo', 'x', 'eth0'), true],
    ['it is as it was', links('lo', 'eth0'), false],
    ['it is gone', links('lo'), false],
  ])('where %s', (_, now, replaced) => {
    expect(wasReplaced(PROXY, now)).toBe(replaced);
    expect(wasReplaced(DELAY, now)).toBe(replaced);
    expect(wasReplaced(FORWARDING, now)).toBe(false);
  });
});
