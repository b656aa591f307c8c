#!/usr/bin/env python3
"""IP packets as they are on a link, past the network stack.

Usage: frames.py send INTERFACE MAC      sends those on standard input (hex, one a line) to MAC, as fast as it can
       frames.py capture INTERFACE END   prints `ready`, then those that arrive (hex, one a line) up to one with END (hex) in it

What the machine itself sends is not captured.
"""
import socket
import sys

ETH_P_ALL = 3
ETHERTYPE = {4: 0x0800, 6: 0x86DD}

what, interface, argument = sys.argv[1:]
if what == "send":
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
    mac = bytes.fromhex(argument.replace(":", ""))
    packets = [bytes.fromhex(line) for line in sys.stdin]
    for packet in packets:
        sock.sendto(packet, (interface, ETHERTYPE[packet[0] >> 4], 0, 0, mac))
else:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((interface, ETH_P_ALL))
    end = bytes.fromhex(argument)
    print("ready", flush=True)
    while True:
        packet, (_, _, kind, *_) = sock.recvfrom(1 << 17)
        if kind == socket.PACKET_OUTGOING:
            continue
        print(packet.hex(), flush=True)
        if end in packet:
            break
