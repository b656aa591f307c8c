#!/usr/bin/env python3
"""Datagrams handed to the kernel as one super-packet (UDP_SEGMENT, udp(7)) and echoed one by one.

Usage: udp-gso.py ADDRESS PORT SEGMENT_BYTES SEGMENTS. The last segment is one byte shorter (unless it is one byte). Prints
`N of SEGMENTS` with how many came back as they were sent; exit status 1 unless all did.
"""
import os
import socket
import sys

UDP_SEGMENT = 103

address, port, size, count = sys.argv[1], *map(int, sys.argv[2:])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
sock.connect((address, port))
best = 0
# Three tries: an echo lost while a neighbour is being resolved is no failure of the translator.
for _ in range(3):
    data = os.urandom(size * count - (1 if size > 1 else 0))
    wanted = [data[at : at + size] for at in range(0, len(data), size)]
    sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
    sock.send(data)
    sock.settimeout(1)
    came = []
    try:
        while len(came) < len(wanted):
            came.append(sock.recv(65536))
    except TimeoutError:
        pass
    best = max(best, sum(a == b for a, b in zip(came, wanted)))
    if best == count:
        break
print(f"{best} of {count}")
sys.exit(0 if best == count else 1)
