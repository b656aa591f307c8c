#!/usr/bin/env python3
"""UDP over IPv6 from whatever source: a line "SOURCE DESTINATION PORT TEXT" of standard input is a datagram."""
import ipaddress
import socket
import struct
import sys

sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
for line in sys.stdin:
    source, destination, port, text = line.split()
    addresses = ipaddress.IPv6Address(source).packed + ipaddress.IPv6Address(destination).packed
    data = text.encode()
    udp = struct.pack("!HHHH", 9, int(port), 8 + len(data), 0) + data
    words = addresses + struct.pack("!II", len(udp), 17) + udp + b"\0" * (len(udp) % 2)
    total = sum(struct.unpack(f"!{len(words) // 2}H", words))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    checksum = ~total & 0xFFFF or 0xFFFF
    udp = udp[:6] + struct.pack("!H", checksum) + udp[8:]
    sock.sendto(struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + addresses + udp, (destination, 0))
