/**
 * The network a contestant is measured in: no PLAT, so that only the translator under test is between the two ends.
 *
 *     host ───────────────── far
 *       eth0             eth0
 *     IPv4 programs, the       IPv6 only: owns the IPv4-embedded addresses of pool6 itself, so
 *     translator on `clat`     its programs answer as 198.51.100.10 without knowing
 *
 * Plain IPv6 takes the same veth: from the host's own address to the same far address.
 */
import { type Namespace, Sandbox } from '../../test/netns/sandbox.ts';

export const addresses = {
  pool6: '2001:db8:64::/96',
  host6: '2001:db8:1:1::10',
  clat4: '192.0.0.2',
  clat6: '2001:db8:1:1::c1a7',
  /** The far end in the two families. */
  far4: '198.51.100.10',
  far6: '2001:db8:64::c633:640a',
  /** Many flows go to as many servers: addresses counted up from here, all of them the far end's. */
  many4: '198.18.0.1',
  many6: '2001:db8:64::c612:1',
  /** The large table: 10.128.x.y with 2001:db8:ea::z, counted up together. */
  table4: '10.128.0.0',
  table6: '2001:db8:ea::',
  /** Those of its addresses that are the far end's, where it has some. */
  farTable4: '10.129.0.0',
  farTable6: '2001:db8:eb::',
} as const;

/**
 * usual: one EAM for the host. table: the host has TABLE_SIZE addresses, each with an EAM of its own. two-sided: half of
 * TABLE_SIZE are the host's, half the far end's.
 */
export type Mapping = 'usual' | 'table' | 'two-sided';

export const TABLE_SIZE = 20_000;

/** [IPv4, IPv6] of every EAM. */
export function* mappings(mapping: Mapping): Generator<readonly [string, string]> {
  yield [addresses.clat4, addresses.clat6];
  if (mapping === 'usual') return;
  const hosts = mapping === 'table' ? TABLE_SIZE : TABLE_SIZE / 2;
  for (let i = 0; i < hosts; i++)
    yield [`10.128.${i >> 8}.${i & 255}`, `${addresses.table6}${i.toString(16)}`];
  for (let i = 0; i < TABLE_SIZE - hosts; i++)
    yield [`10.129.${i >> 8}.${i & 255}`, `${addresses.farTable6}${i.toString(16)}`];
}

export interface Bed {
  readonly sandbox: Sandbox;
  readonly host: Namespace;
  readonly far: Namespace;
  readonly mapping: Mapping;
}

export async function makeBed(mapping: Mapping): Promise<Bed> {
  const sandbox = new Sandbox();
  try {
    const host = sandbox.namespace('host');
    const far = sandbox.namespace('far');
    for (const namespace of [host, far]) namespace.sysctl('net.ipv6.conf.default.addr_gen_mode=1');
    sandbox.link({ namespace: host, name: 'eth0' }, { namespace: far, name: 'eth0' });
    host.ipBatch(`
      address add fe80::10/64 dev eth0
      address add ${addresses.host6}/64 dev eth0
      route add ::/0 via fe80::1 dev eth0
      ${mapping !== 'usual' ? `route add local ${addresses.table4}/16 dev lo` : ''}
    `);
    far.ipBatch(`
      address add fe80::1/64 dev eth0
      address add 2001:db8:1:1::1/64 dev eth0
      route add ${addresses.clat6}/128 via fe80::10 dev eth0
      route add ${addresses.table6}/64 via fe80::10 dev eth0
      route add local ${addresses.pool6} dev lo
      route add local ${addresses.farTable6}/64 dev lo
    `);
    return { sandbox, host, far, mapping };
  } catch (error) {
    await sandbox.close();
    throw error;
  }
}
