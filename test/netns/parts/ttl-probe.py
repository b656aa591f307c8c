#!/usr/bin/env python3
"""Who answers a UDP datagram sent with a given TTL?

Usage: ttl-probe.py ADDRESS TTL [TTL...]. Prints one line `TTL SOURCE TYPE CODE` for each: the ICMP error that the kernel
delivered to this very socket (so the quoted packet inside it must be right, addresses and ports), or `TTL - - -` where
none came within two seconds. Port unreachable (3 3) is the destination itself. Needs no privilege (IP_RECVERR, ip(7)).
"""
import select
import socket
import struct
import sys

IP_RECVERR = 11
MSG_ERRQUEUE = 0x2000
SO_EE_ORIGIN_ICMP = 2


def probe(address: str, ttl: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        sock.connect((address, 33434 + ttl))
        for _ in range(2):
            sock.send(b"how far is it?")
            poll = select.poll()
            poll.register(sock, select.POLLERR)
            if not poll.poll(1000):
                continue
            _, ancillary, _, _ = sock.recvmsg(512, 512, MSG_ERRQUEUE)
            for level, kind, data in ancillary:
                if level != socket.IPPROTO_IP or kind != IP_RECVERR:
                    continue
                # struct sock_extended_err, then the offender's struct sockaddr_in (ip(7)).
                _, origin, icmp_type, code, _, _, _ = struct.unpack_from("=IBBBBII", data)
                if origin == SO_EE_ORIGIN_ICMP:
                    return f"{socket.inet_ntoa(data[20:24])} {icmp_type} {code}"
    return "- - -"


for hop in sys.argv[2:]:
    print(hop, probe(sys.argv[1], int(hop)), flush=True)
