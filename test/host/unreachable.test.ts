/** CLAT-14, as a pure function: which networks get an unreachable route, and what it looks like. */
import { describe, expect, test } from 'vitest';
import { EamList } from '../../src/address/eam.ts';
import { check, commands, type Done, type RouteStep, undoLines } from '../../src/host/plan.ts';
import { buildRunPlan } from '../../src/host/run-plan.ts';
import { isDone } from '../../src/host/step-fields.ts';
import { parseKernel4, parseKernel6 } from '../../src/host/text.ts';
import { UNREACHABLE_METRIC } from '../../src/host/unreachable.ts';
import { host, type MadeUp } from './made-up.ts';

const OWN = '192.0.0.2/32=2001:db8:1:1::c1a7/128';
const LAN = '192.168.1.0/24=2001:db8:12::c0a8:100/120';

function plan(eams: readonly string[], madeUp: MadeUp = {}) {
  const eam = new EamList();
  for (const entry of eams) {
    const [v4, length4, v6, length6] = entry.split(/[/=]/) as [string, string, string, string];
    eam.add(parseKernel4(v4), Number(length4), parseKernel6(v6), Number(length6));
  }
  return buildRunPlan(
    {
      tun: 'clat',
      created: true,
      eam,
      pool6: { address: parseKernel6('2001:db8:64::'), length: 96 },
      ipv4Addr: parseKernel4('192.0.0.1'),
      ipv6Addr: null,
      ipv6Mtu: null,
    },
    host(madeUp),
  );
}
const steps = (eams: readonly string[], madeUp: MadeUp = {}): RouteStep[] =>
  plan(eams, madeUp).entries.flatMap(({ step }) =>
    step.kind === 'routes' && step.type === 'unreachable' ? step : [],
  );
const to = (eams: readonly string[], madeUp: MadeUp = {}) => steps(eams, madeUp).map((step) => [...step.to]);

describe('CLAT-14: networks with an unreachable route', () => {
  test('none for addresses of this host', () => {
    expect(to([OWN])).toEqual([]);
    expect(to([OWN, '10.1.1.1/32=2001:db8:1:1::77/128'])).toEqual([]);
    expect(to(['10.1.1.1/32=2001:db8:1:1::77/128'], { addresses: ['lo 10.1.1.1/32'] })).toEqual([]);
  });
  test('both sides of a LAN', () => {
    expect(steps([OWN, LAN]).flatMap(commands)).toEqual([
      'ip route add unreachable 192.168.1.0/24 proto static metric 2147483647',
      'ip route add unreachable 2001:db8:12::c0a8:100/120 dev lo proto static metric 2147483647',
    ]);
  });
  test('beside the real route of the same length', () => {
    const routes4 = ['192.168.1.0/24 dev eth1 kernel 100'];
    const made = plan([OWN, LAN], { routes4 });
    expect(made.conflicts).toEqual([]);
    expect(to([OWN, LAN], { routes4 })[0]).toEqual(['192.168.1.0/24']);
  });
  test('not below a real route that is shorter: it would cut that one’s network off', () => {
    expect(to([OWN, LAN], { routes4: ['192.168.0.0/16 via 10.0.0.7 dev eth1 static'] })).toEqual([
      ['2001:db8:12::c0a8:100/120'],
    ]);
    for (const routes4 of [
      ['192.168.0.0/16 dev clat static'],
      ['unreachable 192.168.0.0/16 dev lo static 5'],
      ['default via 10.0.0.7 dev eth1 static'],
    ])
      expect(to([OWN, LAN], { routes4 })[0], routes4[0]).toEqual(['192.168.1.0/24']);
  });
  test('single hosts behind this one, and what one prefix covers once', () => {
    const many = Array.from({ length: 20 }, (_, i) => `10.9.0.${2 * i}/32=2001:db8:9::${i}:0/128`);
    expect(to(many)[0]).toHaveLength(20);
    expect(to([...many, '10.9.0.0/24=2001:db8:8::/64'])[0]).toEqual(['10.9.0.0/24']);
  });
  test('too many: said, and left out', () => {
    const many = Array.from(
      { length: 5000 },
      (_, i) => `10.${i >> 8}.${i & 255}.0/25=2001:db8:9:${i.toString(16)}::/121`,
    );
    const { warnings, entries } = plan(many);
    expect(warnings.join()).toMatch(/5000 separate IPv4 networks, more than 4096/);
    expect(
      entries.some(({ step }) => step.kind === 'routes' && step.type !== undefined && step.family === 4),
    ).toBe(false);
  });
});

describe('CLAT-14: the step', () => {
  const [step4, step6] = steps([OWN, LAN]) as [RouteStep, RouteStep];
  const metric = UNREACHABLE_METRIC;
  test('is found again, and no real route is taken for it', () => {
    const finding = (routes4: string[]) => check(step4, host({ routes4 }));
    expect(finding([`unreachable 192.168.1.0/24 dev lo static ${metric}`])).toEqual({ is: 'so' });
    expect(finding(['192.168.1.0/24 dev eth1 kernel'])).toEqual({ is: 'needed', before: { present: [] } });
    expect(finding(['unreachable 192.168.1.0/24 dev lo static 5']).is).toBe('needed');
    expect(finding([`192.168.1.0/24 dev eth1 static ${metric}`]).is).toBe('conflict');
  });
  test('and it is not taken for a real one', () => {
    const real: RouteStep = { ...step6, dev: 'clat', metric: 1024 };
    delete (real as { type?: string }).type;
    const routes6 = [`unreachable 2001:db8:12::c0a8:100/120 dev lo static ${metric}`];
    expect(check(real, host({ routes6 }))).toEqual({ is: 'needed', before: { present: [] } });
  });
  test('is undone as it was done, and comes back from a journal', () => {
    const done: Done[] = [step4, step6].map((step) => ({ step, before: { present: [] } }));
    expect(done.flatMap(undoLines)).toEqual([
      `route del unreachable 192.168.1.0/24 proto static metric ${metric}`,
      `route del unreachable 2001:db8:12::c0a8:100/120 dev lo proto static metric ${metric}`,
    ]);
    for (const one of done) expect(isDone(JSON.parse(JSON.stringify(one)))).toBe(true);
    expect(isDone({ step: { ...step4, type: 'blackhole' }, before: {} })).toBe(false);
  });
});
