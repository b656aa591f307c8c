/**
 * What the network says about its NAT64 at this moment: for `discover`, `plan` and `doctor`. Routers and DNS servers are
 * asked as the daemon asks them, and what they say goes through the same book and the same judgement.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatIp6, formatPrefix6 } from '../address/format.ts';
import { formatServer, type Server } from '../config/server.ts';
import { type DiscoveryLink, discoveryLinks } from './discovery-links.ts';
import { prefixesFromAaaa } from './dns-prefixes.ts';
import { judgeAnswers, type ServerAnswer } from './dns-verdict.ts';
import { askServer } from './dns64.ts';
import type { RouterWord } from './pref64.ts';
import { PrefixBook } from './prefix-book.ts';
import { judgePrefix } from './prefix-judgement.ts';
import { type Resolvers, resolversOf, serversFor } from './resolvers.ts';
import { RouterListener } from './router-listener.ts';
import type { HostState } from './state.ts';

export interface SurveyOptions {
  /** --dns64-servers; empty: those of the uplink. */
  readonly servers: readonly Server[];
  readonly tun: string;
  readonly platDev: string | null;
}

/** RFC 4861 §10: a router may take 0.5 s to answer, and 3 s where it answered someone else just now. */
export const ROUTER_TIME = 4000; // ms
const ROUTER_GRACE = 200; // ms, for a second router

export interface RouterFinding {
  readonly interface: string;
  readonly router: string;
  readonly prefixes: readonly {
    readonly prefix: string;
    readonly lifetime: number;
    /** Why it cannot be used; null: it can. */
    readonly refused: string | null;
  }[];
  readonly mtu: number | null;
}

export interface DnsFinding {
  /** Whose NAT64 was asked for; null: there is no uplink, and the servers were named by hand. */
  readonly interface: string | null;
  readonly server: string;
  readonly from: string;
  readonly prefixes: readonly string[];
  /** s */
  readonly ttl: number | null;
  readonly notes: readonly string[];
  /** Whatever it said: also that there are no addresses. */
  readonly answered: boolean;
  /** Why there are no addresses; null: there are. */
  readonly why: string | null;
}

/** As it is printed. */
export interface Discovered {
  readonly uplink: string | null;
  readonly routers: readonly RouterFinding[];
  /** Why routers could not be asked. */
  readonly notHeard: string | null;
  readonly dns: readonly DnsFinding[];
  /** Of the uplink, in order of precedence, each once. */
  readonly prefixes: readonly { readonly prefix: string; readonly source: 'ra' | 'dns' }[];
}

/** What the servers of an interface answered, in the order of the list. */
export interface Asked {
  readonly link: DiscoveryLink | null;
  readonly from: string;
  readonly answers: readonly ServerAnswer[];
}

export interface Survey {
  readonly found: Discovered;
  /** All that counts, as the daemon has it, at the time NOW. */
  readonly book: PrefixBook;
  readonly links: readonly DiscoveryLink[];
}

/** The time of everything in a survey: it is one moment. */
export const NOW = 0;

/** Asks routers and servers side by side. */
export async function survey(options: SurveyOptions, state: HostState): Promise<Survey> {
  const links = discoveryLinks(state, options.tun, options.platDev);
  const { servers: given } = options;
  const early = given.length > 0 ? askAll(given) : null;
  // Routers are asked whether or not there is a route: their word may say why not.
  const { words, notHeard } = await listen(links);
  const book = hearAll(links, words);
  const candidates = links.filter(({ candidate }) => candidate);
  const asked = candidates.map(async (link): Promise<Asked> => {
    const find = (): Resolvers => resolversOf(link.name, link.index, book.resolvers(link.index, NOW));
    const { servers, of, from } = serversFor(given, link === candidates[0], find);
    if (of !== 'given') return { link, from, answers: await askAll(servers) };
    return { link, from: 'given', answers: link === candidates[0] ? await early! : [] };
  });
  if (candidates.length === 0 && early !== null)
    asked.push(early.then((answers) => ({ link: null, from: 'given', answers })));
  return conclude(links, words, notHeard, book, await Promise.all(asked));
}

const askAll = (servers: readonly Server[]): Promise<ServerAnswer[]> =>
  Promise.all(servers.map(async (server) => ({ server, answer: await askServer(server, { tries: 2 }) })));

/** Routers' words in the order heard: what one takes back, in the same word or later, does not count. */
export function hearAll(links: readonly DiscoveryLink[], words: readonly RouterWord[]): PrefixBook {
  const book = new PrefixBook();
  const defaults = new Map(links.map(({ index, routers }) => [index, routers]));
  for (const word of words) book.hear(word, NOW, defaults.get(word.ifindex));
  return book;
}

/** What all that amounts to. `book` has heard the words already. */
export function conclude(
  links: readonly DiscoveryLink[],
  words: readonly RouterWord[],
  notHeard: string | null,
  book: PrefixBook,
  asked: readonly Asked[],
): Survey {
  for (const { link, answers } of asked) {
    if (link !== null) book.answer(link.index, judgeAnswers(answers, null), NOW);
  }
  // As decide() has it: the best whose network has a NAT64.
  const candidates = links.filter(({ candidate }) => candidate);
  const uplink = candidates.find(({ index }) => book.valid(index, NOW).length > 0) ?? candidates[0] ?? null;
  const prefixes = new Map<string, 'ra' | 'dns'>();
  for (const { index } of uplink === null ? links : [uplink]) {
    for (const { prefix, source } of book.valid(index, NOW)) {
      const text = formatPrefix6(prefix);
      if (!prefixes.has(text)) prefixes.set(text, source === 'ra' ? 'ra' : 'dns');
    }
  }
  const ofNobody = asked
    .filter(({ link }) => link === null)
    .map(({ answers }) => judgeAnswers(answers, null));
  for (const verdict of ofNobody) {
    if (verdict.is === 'prefixes')
      for (const prefix of verdict.prefixes) prefixes.set(formatPrefix6(prefix), 'dns');
  }
  const found: Discovered = {
    uplink: uplink?.name ?? null,
    routers: lastWords(words).map((word) => routerFinding(word, links)),
    notHeard,
    dns: asked.flatMap(({ link, from, answers }) => answers.map((one) => dnsFinding(link, from, one))),
    prefixes: [...prefixes].map(([prefix, source]) => ({ prefix, source })),
  };
  return { found, book, links };
}

/** Of each router on each interface. */
function lastWords(words: readonly RouterWord[]): RouterWord[] {
  const last = new Map<string, RouterWord>();
  for (const word of words) last.set(`${word.ifindex} ${word.router.join()}`, word);
  return [...last.values()];
}

function routerFinding(word: RouterWord, links: readonly DiscoveryLink[]): RouterFinding {
  return {
    interface: links.find(({ index }) => index === word.ifindex)?.name ?? `${word.ifindex}`,
    router: formatIp6(word.router),
    prefixes: word.pref64.map(({ prefix, lifetime }) => {
      return { prefix: formatPrefix6(prefix), lifetime, refused: judgePrefix(prefix).refused };
    }),
    mtu: word.mtu,
  };
}

function dnsFinding(link: DiscoveryLink | null, from: string, { server, answer }: ServerAnswer): DnsFinding {
  const common = {
    interface: link?.name ?? null,
    server: formatServer(server),
    from,
    answered: answer.is !== 'failed',
  };
  if (answer.is !== 'answer') return { ...common, prefixes: [], ttl: null, notes: [], why: answer.why };
  const { prefixes, notes } = prefixesFromAaaa(answer.addresses);
  return { ...common, prefixes: prefixes.map(formatPrefix6), ttl: answer.ttl, notes: [...notes], why: null };
}

/** As many words are heard: whoever floods a link gets no more memory than that. */
const MOST_WORDS = 1000;

/** What routers on these interfaces answer to a solicitation. */
async function listen(
  links: readonly DiscoveryLink[],
): Promise<{ words: RouterWord[]; notHeard: string | null }> {
  const words: RouterWord[] = [];
  let wake = (): void => {};
  const some = new Promise<void>((resolve) => {
    wake = resolve;
  });
  const uplink = links.find(({ candidate }) => candidate)?.index;
  const listener = new RouterListener((word) => {
    if (words.length < MOST_WORDS) words.push(word);
    if (uplink === undefined || word.ifindex === uplink) wake();
  });
  let refused: string | null = links.length === 0 ? 'no interface is up' : null;
  let ears = 0;
  for (const { index } of links) {
    const error = listener.listen(index);
    if (error >= 0) ears++;
    else refused = error === -1 ? 'needs CAP_NET_RAW (run as root)' : `error ${-error}`;
  }
  if (ears > 0) {
    const patience = new AbortController();
    await Promise.race([some, sleep(ROUTER_TIME, undefined, { signal: patience.signal })]);
    patience.abort();
    if (words.length > 0) await sleep(ROUTER_GRACE);
  }
  listener.stop();
  return { words, notHeard: ears > 0 ? null : refused };
}
