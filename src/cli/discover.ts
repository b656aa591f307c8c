/** `clatd discover`: what each source says about the NAT64 prefix of this network. Changes nothing. */
import { parsePrefix6 } from '../address/parse.ts';
import { readHost } from '../host/state.ts';
import { type Discovered, ROUTER_TIME, type SurveyOptions, survey } from '../host/survey.ts';
import { wayWords } from '../host/uplink.ts';

export interface DiscoverIo {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

export interface DiscoverOptions extends SurveyOptions {
  readonly json: boolean;
}

/** Prints what every source says. Exit code 0: a prefix was found; 1: none. */
export async function discover(options: DiscoverOptions, io: DiscoverIo): Promise<number> {
  let found: Discovered;
  let uplinkBy: string;
  try {
    const state = await readHost();
    ({ found } = await survey(options, state));
    const { uplink, prefixes } = found;
    const parsed = parsePrefix6(prefixes[0]?.prefix ?? '');
    uplinkBy =
      uplink === null
        ? 'none: this host has no IPv6 default route (yet)'
        : `${uplink} (${wayWords(state, options, uplink, parsed.ok ? parsed.value : null)})`;
  } catch (error) {
    io.stderr.write(`clatd: ${(error as Error).message}\n`);
    return 1;
  }
  io.stdout.write(options.json ? `${JSON.stringify(found, null, 2)}\n` : asText(found, uplinkBy));
  return found.prefixes.length > 0 ? 0 : 1;
}

function asText({ routers, notHeard, dns, prefixes }: Discovered, uplink: string): string {
  const lines = [`uplink: ${uplink}`];
  lines.push('', 'router advertisements (PREF64, RFC 8781):');
  if (notHeard !== null) lines.push(`  not heard: ${notHeard}`);
  else if (routers.length === 0) lines.push(`  no router answered within ${ROUTER_TIME / 1000} s`);
  for (const one of routers) {
    const from = `  ${one.router} on ${one.interface}`;
    if (one.prefixes.length === 0) lines.push(`${from}: advertises, but no NAT64 prefix`);
    for (const { prefix, lifetime, refused } of one.prefixes) {
      const said = lifetime === 0 ? `${prefix} is withdrawn` : `${prefix}, lifetime ${lifetime} s`;
      lines.push(`${from}: ${said}${refused === null ? '' : `: not used: ${refused}`}`);
    }
  }
  lines.push('', 'DNS (AAAA of ipv4only.arpa, RFC 7050; not authenticated):');
  if (dns.length === 0) {
    lines.push('  no servers known: name some with --dns64-servers');
  }
  for (const one of dns) {
    const from = `  ${one.server} (${one.from})`;
    if (one.why !== null) lines.push(`${from}: no NAT64 prefix: ${one.why}`);
    for (const prefix of one.prefixes) lines.push(`${from}: ${prefix}, TTL ${one.ttl} s`);
    for (const note of one.notes) lines.push(`${from}: ${note}`);
  }
  lines.push('');
  const first = prefixes[0];
  lines.push(
    first === undefined
      ? `No NAT64 prefix was found${notHeard === null ? '' : ' by DNS; routers were not asked'}.`
      : `clatd would use ${first.prefix} (${first.source === 'ra' ? 'a router said so' : 'from DNS'})${prefixes.length > 1 ? `, first of ${prefixes.length}` : ''}.`,
  );
  return `${lines.join('\n')}\n`;
}
