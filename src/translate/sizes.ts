/** Numbers of RFC 7915 that both directions use. */

/** RFC 7915 §5.1: IPv4 packets up to this Total Length are sent with DF clear. */
export const DF_THRESHOLD = 1260;
/** IPv6's minimum MTU (RFC 8200 §5), and so the largest ICMPv6 error (RFC 4443 §2.4(c)). */
export const MIN_MTU6 = 1280;
/** The largest ICMPv4 error (RFC 1812 §4.3.2.3). */
export const MAX_ERROR4 = 576;
/** The smallest IPv4 MTU (RFC 791 §3.2). */
export const MIN_MTU4 = 68;
