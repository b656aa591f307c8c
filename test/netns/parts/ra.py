#!/usr/bin/env python3
"""A router that advertises: sends router advertisements (RFC 4861) with PREF64 (RFC 8781) over a raw socket.

Usage: ra.py INTERFACE CONFIG.json

CONFIG holds any of: source (its link-local address; default: the kernel's choice), lifetime (router lifetime, s), mtu,
interval (s between unsolicited ones, default 60), managed,
prefixes [{prefix, valid, preferred, on_link, autonomous}], pref64 [{prefix, lifetime}], rdnss [{addresses, lifetime}],
raw [hex] (options as they are). Sends one at the start, one every interval, one to all for every solicitation, and after
SIGHUP, having read CONFIG again. Says "sent" for each.
"""
import ipaddress
import json
import select
import signal
import socket
import struct
import sys

ALL_NODES = "ff02::1"
ALL_ROUTERS = "ff02::2"
ROUTER_SOLICITATION = 133
ROUTER_ADVERTISEMENT = 134
ICMP6_FILTER = 1
PLC = {96: 0, 64: 1, 56: 2, 48: 3, 40: 4, 32: 5}


def advertisement(config: dict) -> bytes:
    flags = 0x80 if config.get("managed") else 0
    # The kernel fills the checksum in.
    packet = struct.pack("!BBHBBHII", ROUTER_ADVERTISEMENT, 0, 0, 64, flags, config.get("lifetime", 1800), 0, 0)
    if "mtu" in config:
        packet += struct.pack("!BBHI", 5, 1, 0, config["mtu"])
    for item in config.get("prefixes", []):
        net = ipaddress.IPv6Network(item["prefix"])
        bits = (0x80 if item.get("on_link", True) else 0) | (0x40 if item.get("autonomous", True) else 0)
        lifetimes = (item.get("valid", 86400), item.get("preferred", 14400))
        packet += struct.pack("!BBBBIII", 3, 4, net.prefixlen, bits, *lifetimes, 0) + net.network_address.packed
    for item in config.get("pref64", []):
        net = ipaddress.IPv6Network(item["prefix"])
        scaled = min(-(-item.get("lifetime", 1800) // 8), 0x1FFF)
        packet += struct.pack("!BBH", 38, 2, scaled << 3 | PLC[net.prefixlen]) + net.network_address.packed[:12]
    for item in config.get("rdnss", []):
        addresses = [ipaddress.IPv6Address(text).packed for text in item["addresses"]]
        packet += struct.pack("!BBHI", 25, 1 + 2 * len(addresses), 0, item.get("lifetime", 1800)) + b"".join(addresses)
    for text in config.get("raw", []):
        packet += bytes.fromhex(text)
    return packet


def main() -> None:
    interface, path = sys.argv[1:]
    index = socket.if_nametoindex(interface)
    sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    membership = socket.inet_pton(socket.AF_INET6, ALL_ROUTERS) + struct.pack("@I", index)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
    # Only solicitations: a set bit blocks its type (RFC 3542, 3.2).
    block = bytearray(b"\xff" * 32)
    block[ROUTER_SOLICITATION // 8] &= ~(1 << ROUTER_SOLICITATION % 8) & 0xFF
    # struct icmp6_filter is eight host-order words; bit n of word w is type 32*w+n. On a big-endian machine bytes swap.
    words = struct.unpack("<8I", block)
    sock.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, struct.pack("@8I", *words))

    reread, wake = socket.socketpair()
    wake.setblocking(False)
    signal.set_wakeup_fd(wake.fileno())
    signal.signal(signal.SIGHUP, lambda *_: None)

    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    while True:
        control = []
        if "source" in config:
            pktinfo = socket.inet_pton(socket.AF_INET6, config["source"]) + struct.pack("@I", index)
            control = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, pktinfo)]
        sock.sendmsg([advertisement(config)], control, 0, (ALL_NODES, 0, 0, index))
        print("sent", flush=True)
        ready, _, _ = select.select([sock, reread], [], [], config.get("interval", 60))
        if sock in ready:
            sock.recv(1500)
        if reread in ready:
            reread.recv(64)
            with open(path, encoding="utf-8") as file:
                config = json.load(file)


main()
