#!/usr/bin/env python3
"""Bursts of datagrams of mixed sizes, echoed: do they come back one by one, in order, unchanged?

Usage: udp-order.py ADDRESS PORT ROUNDS. The sizes come in runs of equal ones with a shorter or longer one after, and with
empty ones between: what tempts a translator to merge datagrams, and where it must not. Prints `N rounds in order`; exit
status 1 and the first difference otherwise. A round that lost datagrams (a full socket buffer) is tried again.
"""
import os
import random
import socket
import sys

address, port, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
sock.connect((address, port))
choose = random.Random(7)


def burst() -> list[bytes]:
    sizes: list[int] = []
    while len(sizes) < 60:
        sizes += [choose.choice([1, 12, 100, 512, 1200, 1400])] * choose.randint(1, 9)
        sizes.append(choose.choice([0, 1, 11, 99, 700, 1232, 1452]))
    return [os.urandom(size) for size in sizes]


for number in range(rounds):
    for attempt in range(5):
        sent = burst()
        for data in sent:
            sock.send(data)
        came = []
        sock.settimeout(0.5)
        try:
            while len(came) < len(sent):
                came.append(sock.recv(65536))
        except TimeoutError:
            continue
        break
    else:
        sys.exit(f"round {number}: {len(came)} of {len(sent)} came back, five times over")
    for at, (one, other) in enumerate(zip(sent, came)):
        if one != other:
            sys.exit(f"round {number}, datagram {at}: {len(one)} bytes sent, {len(other)} others came back")
print(f"{rounds} rounds in order")
