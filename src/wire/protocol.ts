/** Protocol and Next Header numbers (IANA), as far as the translator looks at them. */
export const Protocol = {
  hopByHop: 0,
  icmp4: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  routing: 43,
  fragment: 44,
  ah: 51,
  icmp6: 58,
  destinationOptions: 60,
  mobility: 135,
  udpLite: 136,
  hip: 139,
  shim6: 140,
} as const;
