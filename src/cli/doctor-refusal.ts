/** What the translator itself does with packets to a target: the same decision as for any packet, with its reason. Pure. */
import { EamList } from '../address/eam.ts';
import type { Ip4, Prefix6 } from '../address/ip.ts';
import type { TranslationConfig } from '../config/config.ts';
import { OfflineTranslator } from '../dataplane/offline.ts';
import type { Refusal } from '../host/doctor/through.ts';
import { REASONS, type ReasonName } from '../translate/reasons.ts';

/** In the automatic mode the mapping is made for the network; any serves here. */
const CLAT4 = 0xc0000002 | 0;
const CLAT6 = [0x20010db8, 0x00010001, 0, 0xc1a7] as const;

const REMEDIES: Partial<Record<ReasonName, string>> = {
  WkpDestination46:
    'the rule of RFC 6052 §3.1 for 64:ff9b::/96: try a --target on the internet, or lift it with --no-wkpf-strict where the network carries such addresses over that prefix',
};

/** Why an echo request of this host to the target is not translated; null: it is. */
export function refusal(config: TranslationConfig, pool6: Prefix6, target: Ip4): Refusal | null {
  const { eam } = config;
  const mappings = eam.size > 0 ? eam : new EamList(1);
  if (eam.size === 0) mappings.add(CLAT4, 32, CLAT6, 128);
  const packet = echo(eam.size > 0 ? eam.v4[0]! : CLAT4, target);
  const { reason } = new OfflineTranslator({ ...config, pool6, eam: mappings }).translate(packet);
  // A drop that is answered counts as a reply of the translator: what the packet met stands in the table.
  const { text, verdict } = REASONS.find(({ name }) => name === reason)!;
  if (verdict !== 'dropped') return null;
  return { reason, text, remedy: REMEDIES[reason] ?? `see \`clatd explain ${reason}\`` };
}

/** An ICMP echo request. */
function echo(source: Ip4, destination: Ip4): Uint8Array {
  const packet = new Uint8Array(28);
  const view = new DataView(packet.buffer);
  view.setUint16(0, 0x4500);
  view.setUint16(2, 28);
  view.setUint16(8, 0x4001); // TTL 64, ICMP
  view.setInt32(12, source);
  view.setInt32(16, destination);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(10, ~sum);
  view.setUint16(20, 0x0800);
  view.setUint16(22, ~0x0800);
  return packet;
}
