/** `clatd plan` without the privilege to hear routers: it says so, in place of letting their silence pass for an answer. */
import { expect, test } from 'vitest';
import { findClat } from '../../src/cli/plan-clat.ts';
import { loadRun } from '../../src/config/load.ts';
import { discoveryLinks } from '../../src/host/discovery-links.ts';
import type { ServerAnswer } from '../../src/host/dns-verdict.ts';
import { conclude, hearAll } from '../../src/host/survey.ts';
import { parseKernel6 } from '../../src/host/text.ts';
import { host } from '../host/made-up.ts';

const NOT_ROOT = 'needs CAP_NET_RAW (run as root)';
const BY_DNS: ServerAnswer = {
  server: { address: '2001:db8::53', port: 53 },
  answer: { is: 'answer', addresses: [parseKernel6('2001:db8:65::192.0.0.170')], ttl: 60 },
};

async function find({ notHeard = null, dns = [] }: Said, raw: Record<string, string> = {}) {
  const loaded = loadRun(raw, { read: (): never => expect.unreachable() }, (name) => name);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.mistakes));
  return findClat(loaded.config, host({}), async ({ tun, platDev }, state) => {
    const links = discoveryLinks(state, tun, platDev);
    return conclude(links, [], notHeard, hearAll(links, []), [
      { link: links[0]!, from: 'given', answers: dns },
    ]);
  });
}

interface Said {
  notHeard?: string | null;
  dns?: readonly ServerAnswer[];
}

test('no prefix: there may be one all the same', async () => {
  expect(await find({})).toEqual({ lacking: 'no NAT64 prefix on eth0 yet' });
  expect(await find({ notHeard: NOT_ROOT })).toEqual({
    lacking: `no NAT64 prefix on eth0 yet; routers were not heard and may announce one: ${NOT_ROOT}`,
  });
});

test.each([
  ['DNS', { dns: [BY_DNS] }, {}],
  ['--prefix-fallback', {}, { 'prefix-fallback': '2001:db8:65::/96' }],
])('a prefix from %s: run may use another', async (_from, said, raw) => {
  const warning = `routers were not heard and may announce another NAT64 prefix: ${NOT_ROOT}`;
  expect(await find({ ...said, notHeard: NOT_ROOT }, raw)).toHaveProperty(
    'lines',
    expect.arrayContaining([warning]),
  );
  expect(await find(said, raw)).toHaveProperty('lines', expect.not.arrayContaining([warning]));
});

test('a prefix given by hand: routers do not matter', async () => {
  expect(await find({ notHeard: NOT_ROOT }, { pool6: '2001:db8:99::/96' })).toHaveProperty(
    'lines',
    expect.not.arrayContaining([expect.stringMatching(/not heard/)]),
  );
});
