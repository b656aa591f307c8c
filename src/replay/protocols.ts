/** Protocol numbers as people read them, for one-line descriptions of packets and for the report of a replay. */

/** IANA protocol numbers by name, those people know by name. */
export const PROTOCOL_NAMES: Readonly<Record<number, string>> = {
  1: 'ICMP',
  2: 'IGMP',
  6: 'TCP',
  17: 'UDP',
  33: 'DCCP',
  47: 'GRE',
  50: 'ESP',
  51: 'AH',
  58: 'ICMPv6',
  132: 'SCTP',
  136: 'UDP-Lite',
};
export const FRAGMENT = 44;
/** Hop-by-hop, routing, destination options: length in the second byte, in units of 8 behind the first 8. */
export const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60]);
/** Those that begin with two ports. */
export const WITH_PORTS: ReadonlySet<number> = new Set([6, 17, 33, 132, 136]);
