/** What the answers of several DNS servers amount to (DISC-6). Pure. */
import type { Prefix6 } from '../address/ip.ts';
import { formatServer, type Server } from '../config/server.ts';
import type { DnsAnswer } from './dns-message.ts';
import { prefixesFromAaaa } from './dns-prefixes.ts';

export interface ServerAnswer {
  readonly server: Server;
  readonly answer: DnsAnswer;
}

export type DnsVerdict =
  /** `server` gave them. `holderSilent`: the one that gave the prefixes of before said nothing at all. */
  | {
      readonly is: 'prefixes';
      readonly server: string;
      readonly prefixes: readonly Prefix6[];
      readonly ttl: number;
      readonly holderSilent: boolean;
    }
  /** Every server answered, and none gave a prefix: there is no DNS64. */
  | { readonly is: 'negative'; readonly why: string }
  /** Somebody said nothing, so that nothing is known: no word against what was known before. */
  | { readonly is: 'silent'; readonly why: string };

/** An answer as far as it serves: AAAA that embed nothing, or a prefix that cannot be used, are as good as none. */
export function usable(
  answer: DnsAnswer,
): { readonly prefixes: readonly Prefix6[]; readonly ttl: number } | null {
  if (answer.is !== 'answer') return null;
  const { prefixes } = prefixesFromAaaa(answer.addresses);
  return prefixes.length > 0 ? { prefixes, ttl: answer.ttl } : null;
}

/** Why a server's answer does not serve, or what is odd about it, one sentence each. */
export function remarksOn({ server, answer }: ServerAnswer): string[] {
  const name = formatServer(server);
  if (answer.is !== 'answer') return [`no NAT64 prefix from DNS: ${name}: ${answer.why}`];
  const { prefixes, notes } = prefixesFromAaaa(answer.addresses);
  const told = notes.length === 0 ? [] : [`DNS64 ${name}: ${notes.join('; ')}`];
  return prefixes.length > 0 || notes.length > 0 ? told : [`no NAT64 prefix from DNS: ${name}`];
}

/**
 * @param answers in the order of the list of servers; servers that need not be waited for are not among them
 * @param holder the server that gave the prefixes known so far, as formatServer has it; null: none
 */
export function judgeAnswers(answers: readonly ServerAnswer[], holder: string | null): DnsVerdict {
  const failed = answers.filter(({ answer }) => answer.is === 'failed');
  for (const { server, answer } of answers) {
    const found = usable(answer);
    if (found === null) continue;
    const holderSilent = failed.some((one) => formatServer(one.server) === holder);
    return { is: 'prefixes', server: formatServer(server), ...found, holderSilent };
  }
  const why = (all: readonly ServerAnswer[]): string =>
    all.flatMap((one) => remarksOn(one)).join('; ') || 'no server was asked';
  return failed.length > 0 || answers.length === 0
    ? { is: 'silent', why: why(failed) }
    : { is: 'negative', why: why(answers) };
}
