/** What a configuration without mistakes still lacks for `clatd run` to be of use. */
import type { RunConfig } from './config.ts';
import type { Mistake } from './mistake.ts';

/** Empty where run can start. */
export function lacking({ configure, eamFile, translation: { eam, pool6 } }: RunConfig): Mistake[] {
  // An EAM file may be filled later (SIGHUP); but a default route into a translator without mapping helps nobody.
  if (!configure || eam.size > 0 || eamFile !== null) return [];
  const mistakes = [
    {
      where: '--eam',
      message:
        "is needed: which IPv6 address stands for this host's IPv4 address, for instance " +
        '--eam 192.0.0.2=2001:db8:1:1::c1a7 (an address routed to this host that it does not use itself)',
    },
  ];
  if (pool6 === null) {
    mistakes.push({
      where: '--pool6',
      message:
        'is needed: the prefix of the NAT64; `dig AAAA ipv4only.arpa` shows it (README, "Use it on a VM")',
    });
  }
  return mistakes;
}
