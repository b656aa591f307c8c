/** How the log and `systemctl status` say that there is no CLAT, and why. Pure. */

/** @param why as decided. @param was there was one until now */
export function downWords(why: string, was: boolean): string {
  if (was) return `no CLAT any more: ${why.replace(/ yet$/, '')}`;
  // To wait for a network is no fault: it reads as waiting.
  const lacking = /^no (.+) yet$/.exec(why)?.[1];
  if (lacking !== undefined)
    return `waiting for ${/^(IPv6|uplink|address)/.test(lacking) ? 'an' : 'a'} ${lacking}`;
  const [, link, what] = /^(\S+) has no (.+) yet$/.exec(why) ?? [];
  if (what !== undefined) return `waiting for a ${what} on ${link}`;
  if (why.startsWith('native IPv4')) return `standing back: ${why}`;
  return why.startsWith('asking ') ? why : `waiting: ${why}`;
}
