/**
 * The ICMP type, code and pointer tables of RFC 7915 §4.2 and §5.2, as data, laid out as the RFC prints them.
 * An entry is type << 8 | code of the other family, or DROP.
 */
const DROP = -1;
const to = (type: number, code: number): number => (type << 8) | code;

/** RFC 7915 §4.2, Destination Unreachable (3), by code; 3/2 is Parameter Problem with pointer 6, 3/4 Packet Too Big. */
const UNREACHABLE_46 = [
  to(1, 0), //  0 net unreachable
  to(1, 0), //  1 host unreachable
  to(4, 1), //  2 protocol unreachable
  to(1, 4), //  3 port unreachable
  to(2, 0), //  4 fragmentation needed
  to(1, 0), //  5 source route failed
  to(1, 0), //  6 destination network unknown
  to(1, 0), //  7 destination host unknown
  to(1, 0), //  8 source host isolated
  to(1, 1), //  9 net administratively prohibited
  to(1, 1), // 10 host administratively prohibited
  to(1, 0), // 11 net unreachable for ToS
  to(1, 0), // 12 host unreachable for ToS
  to(1, 1), // 13 communication administratively prohibited
  DROP, //     14 host precedence violation
  to(1, 1), // 15 precedence cutoff in effect
];

/** RFC 7915 §5.2, Destination Unreachable (1), by code. */
const UNREACHABLE_64 = [
  to(3, 1), //  0 no route to destination
  to(3, 10), // 1 administratively prohibited
  to(3, 1), //  2 beyond scope of source address
  to(3, 1), //  3 address unreachable
  to(3, 3), //  4 port unreachable
];

/** RFC 7915 §4.2, Parameter Problem (12), by code. */
const PARAMETER_46 = [to(4, 0), DROP, to(4, 0)];
/** RFC 7915 §5.2, Parameter Problem (4), by code. */
const PARAMETER_64 = [to(12, 0), to(3, 2), DROP];

/** RFC 7915 figure 3: octet of the IPv4 header -> octet of the IPv6 header. */
const POINTER_46 = [0, 1, 4, 4, DROP, DROP, DROP, DROP, 7, 6, DROP, DROP, 8, 8, 8, 8, 24, 24, 24, 24];
/** RFC 7915 figure 6: octet of the IPv6 header -> octet of the IPv4 header. */
const POINTER_64 = [
  ...[0, 1, DROP, DROP, 2, 2, 9, 8],
  ...new Array<number>(16).fill(12), // source address
  ...new Array<number>(16).fill(16), // destination address
];

/** The pointer of a Protocol Unreachable turned Parameter Problem: IPv6's Next Header octet. */
export const NEXT_HEADER_POINTER = 6;

const lookup = (table: readonly number[], index: number): number =>
  index < table.length ? table[index]! : DROP;

/** IPv4 Parameter Problem pointer -> IPv6, or -1. */
export const pointer46 = (octet: number): number => lookup(POINTER_46, octet);
/** IPv6 pointer (32 bit, as an int32) -> IPv4, or -1. */
export const pointer64 = (octet: number): number => lookup(POINTER_64, octet >>> 0);

/** ICMPv4 error -> type << 8 | code of the ICMPv6 error; -1: code not translated; -2: type not translated. */
export function error46(type: number, code: number): number {
  switch (type) {
    case 3:
      return lookup(UNREACHABLE_46, code);
    case 11:
      return to(3, code);
    case 12:
      return lookup(PARAMETER_46, code);
    default:
      return -2;
  }
}

/** ICMPv6 error -> type << 8 | code of the ICMPv4 error; -1: code not translated; -2: type not translated. */
export function error64(type: number, code: number): number {
  switch (type) {
    case 1:
      return lookup(UNREACHABLE_64, code);
    case 2:
      return to(3, 4);
    case 3:
      return to(11, code);
    case 4:
      return lookup(PARAMETER_64, code);
    default:
      return -2;
  }
}
