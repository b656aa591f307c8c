#!/usr/bin/env python3
"""Asks for a neighbour's link-layer address (RFC 4861 §4.3) and says "answered" or "silent" (after three seconds).

Usage: ns.py INTERFACE TARGET all|MAC     MAC: the question goes to that machine alone, as a probe of unreachability does
"""
import select
import socket
import struct
import sys
import time

SOURCE = socket.inet_pton(socket.AF_INET6, "fe80::1")
ETH_P_IPV6 = 0x86DD
ICMPV6, SOLICITATION, ADVERTISEMENT = 58, 135, 136


def checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def main() -> None:
    interface, target_text, who = sys.argv[1:]
    target = socket.inet_pton(socket.AF_INET6, target_text)
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IPV6))
    sock.bind((interface, ETH_P_IPV6))
    own = sock.getsockname()[4]
    if who == "all":
        mac = b"\x33\x33\xff" + target[13:]
        destination = socket.inet_pton(socket.AF_INET6, "ff02::1:ff00:0")[:13] + target[13:]
    else:
        mac, destination = bytes.fromhex(who.replace(":", "")), target
    body = struct.pack("!BBHI", SOLICITATION, 0, 0, 0) + target + b"\x01\x01" + own
    pseudo = SOURCE + destination + struct.pack("!II", len(body), ICMPV6)
    body = body[:2] + struct.pack("!H", checksum(pseudo + body)) + body[4:]
    header = struct.pack("!IHBB", 0x60000000, len(body), ICMPV6, 255) + SOURCE + destination
    sock.send(mac + own + struct.pack("!H", ETH_P_IPV6) + header + body)
    end = time.monotonic() + 3
    while (left := end - time.monotonic()) > 0:
        if not select.select([sock], [], [], left)[0]:
            break
        frame = sock.recv(2048)
        # Ethernet 14, IPv6 40, then type, code, checksum, flags, target.
        if frame[20] == ICMPV6 and frame[54] == ADVERTISEMENT and frame[62:78] == target:
            print("answered")
            return
    print("silent")


main()
