/** The TUN device on the real kernel, in a network namespace of its own. */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { HEADROOM, Offload, SLOT_BYTES, STATE_FIRST, STATE_REFUSED } from '../../src/io/device.ts';
import { closeWake, explain, openTun, openWake, type TunDevice, TunError, wake } from '../../src/io/tun.ts';
import { until } from '../netns/wait.ts';
import { echoReplySequence, echoRequest } from './support/echo.ts';
import { blocked, inNetwork } from './support/network.ts';
import { Thread } from './support/thread.ts';

const ENODEV = -19;
const EFAULT = -14;
const EIO = -5;
const EINVAL = -22;
const EBADF = -9;

describe.skipIf(blocked !== null)('TUN device', () => {
  const { ip, ipJson } = inNetwork();
  const opened: TunDevice[] = [];
  let names = 0;

  /** A name no other test of this file uses. */
  const fresh = () => `tun${++names}`;
  /** The kernel's address on a device, and one behind it. */
  const local = (name: string) => `198.18.${name.slice(3)}.1`;
  const remote = (name: string) => `198.18.${name.slice(3)}.2`;
  const request = (device: TunDevice, sequence: number, size?: number) =>
    echoRequest(remote(device.name), local(device.name), sequence, size);
  const open = (options: Parameters<typeof openTun>[0]) => {
    const device = openTun(options);
    opened.push(device);
    return device;
  };

  afterEach(() => {
    for (const device of opened.splice(0)) device.close();
  });

  /** What makes a TUN device what it is, as `ip -details` tells. */
  const details = (name: string) => {
    const [link] = ipJson(`-details link show dev ${name}`);
    const { type, pi, vnet_hdr, multi_queue, persist } = link.linkinfo.info_data;
    return { type, pi, vnet_hdr, multi_queue, persist };
  };
  const exists = (name: string) => ipJson('link show').some((link) => link.ifname === name);
  const refusal = (action: () => unknown): TunError => {
    try {
      action();
    } catch (error) {
      if (error instanceof TunError) return error;
      throw error;
    }
    throw new Error('it was not refused');
  };

  const slotPacket = (device: TunDevice, slot: number) =>
    new Uint8Array(device.slab, slot * SLOT_BYTES + HEADROOM, device.lengths[slot]).slice();

  /** Puts a packet behind a zero virtio_net header at the start of the head area and adds it to the write list. */
  const put = (device: TunDevice, index: number, packet: Uint8Array, headBytes = packet.length) => {
    const at = device.slots * SLOT_BYTES + index * 2048;
    const bytes = new Uint8Array(device.slab);
    bytes.fill(0, at, at + device.vnetBytes);
    bytes.set(packet, at + device.vnetBytes);
    const head = device.vnetBytes + headBytes;
    device.writes.set([at, head, at + head, packet.length - headBytes], index * 4);
  };

  /**
   * Reads for a while until `count` echo replies have come; other packets are passed over: router
   * solicitations, and late answers to `echo`, whose sequence numbers are below `from`.
   */
  const replies = (device: TunDevice, count: number, { from = 1000, patience = 5000 } = {}) => {
    const found: { sequence: number; packet: Uint8Array }[] = [];
    const deadline = performance.now() + patience;
    for (let left = patience; found.length < count && left > 0; left = deadline - performance.now()) {
      device.wait(Math.ceil(left));
      const n = device.read();
      for (let slot = 0; slot < n; slot++) {
        const packet = slotPacket(device, slot);
        const sequence = echoReplySequence(packet);
        if (sequence !== null && sequence >= from) found.push({ sequence, packet });
      }
    }
    return found;
  };

  const bringUp = (name: string) => {
    ip(`address add ${local(name)}/24 dev ${name}`);
    ip(`link set ${name} up`);
  };

  /**
   * An echo there and back. Repeated: for up to a second after a program has attached the kernel (linkwatch) still drops
   * what it has to send.
   */
  const echo = (device: TunDevice) => {
    for (let sequence = 1; sequence < 100; sequence++) {
      put(device, 0, request(device, sequence));
      if (device.write(1) === 1 && replies(device, 1, { from: 0, patience: 50 }).length > 0)
        return 'answered';
    }
    return 'unanswered';
  };

  /** Whether a datagram that a program here sends through the device comes with its checksum left to be completed. */
  const partialChecksum = (device: TunDevice) => {
    for (let attempt = 0; attempt < 100; attempt++) {
      execFileSync('bash', ['-c', `echo hello > /dev/udp/${remote(device.name)}/9`]);
      device.wait(50);
      const n = device.read();
      for (let slot = 0; slot < n; slot++) {
        const UDP = 17;
        if (slotPacket(device, slot)[9] !== UDP) continue;
        if (device.vnetBytes === 0) return false;
        const NEEDS_CSUM = 1;
        const flags = new Uint8Array(device.slab)[slot * SLOT_BYTES + HEADROOM - device.vnetBytes];
        return ((flags ?? 0) & NEEDS_CSUM) !== 0;
      }
    }
    throw new Error('no datagram came');
  };

  describe('a new device', () => {
    it.each([
      ['uso', Offload.uso, 10],
      ['tso', Offload.tso, 10],
      ['csum', Offload.csum, 10],
      ['off', Offload.off, 0],
    ] as const)('OFF-1, OFF-2, OFF-12: offload %s', (_word, offload, vnetBytes) => {
      const device = open({ name: fresh(), offload });
      expect(device).toMatchObject({ offload, vnetBytes, created: true, multiQueue: false });
      bringUp(device.name);
      expect(echo(device)).toBe('answered');
      expect(partialChecksum(device)).toBe(offload >= Offload.csum);
    });

    it('disappears when closed', () => {
      const device = openTun({ name: fresh() });
      expect(exists(device.name)).toBe(true);
      device.close();
      expect(exists(device.name)).toBe(false);
    });

    it('stays when made persistent', () => {
      const device = openTun({ name: fresh() });
      expect(device.setPersistent(true)).toBe(0);
      device.close();
      expect(exists(device.name)).toBe(true);
      ip(`link delete ${device.name}`);
    });

    it('lowers and raises its offload level', () => {
      const device = open({ name: fresh() });
      expect([device.setOffload(Offload.csum), device.offload]).toEqual([1, 1]);
      expect([device.setOffload(Offload.uso), device.offload]).toEqual([3, 3]);
    });

    it('has no offload without virtio_net header', () => {
      const device = open({ name: fresh(), offload: Offload.off });
      expect([device.setOffload(Offload.tso), device.offload]).toEqual([0, 0]);
    });
  });

  describe('an existing device is taken as it is and left as it was', () => {
    const kinds = [
      // As they follow `mode tun`.

      '',
      ' multi_queue',
      ' vnet_hdr',
      ' multi_queue vnet_hdr',
      ' pi',
      ' pi multi_queue vnet_hdr',
    ];
    const asked = [
      { multiQueue: false, offload: Offload.off },
      { multiQueue: true, offload: Offload.uso },
    ];
    it.each(kinds.flatMap((kind) => asked.map((options) => ({ kind, ...options }))))(
      'ip tuntap add mode tun$kind, asked for multiQueue $multiQueue, offload $offload; 5 times',
      ({ kind, ...options }) => {
        const name = fresh();
        ip(`tuntap add dev ${name} mode tun${kind}`);
        bringUp(name);
        ip(`link set ${name} mtu 1380`);
        const before = {
          details: details(name),
          address: ipJson(`-4 address show dev ${name}`)[0].addr_info,
        };
        const vnet = kind.includes('vnet_hdr');
        for (let start = 0; start < 5; start++) {
          const device = openTun({ name, ...options });
          expect(device).toMatchObject({
            created: false,
            multiQueue: kind.includes('multi_queue'),
            vnetBytes: vnet ? 10 : 0,
            offload: vnet ? options.offload : Offload.off,
          });
          expect(echo(device)).toBe('answered');
          device.close();
          const after = {
            details: details(name),
            address: ipJson(`-4 address show dev ${name}`)[0].addr_info,
          };
          expect(after).toEqual(before);
          expect(ipJson(`link show dev ${name}`)[0].mtu).toBe(1380);
        }
        ip(`link delete ${name}`);
      },
    );

    it('offloads that a program before left on are off for the next that has not asked', async () => {
      const name = fresh();
      ip(`tuntap add dev ${name} mode tun vnet_hdr`);
      bringUp(name);
      // A program that is killed turns nothing off.
      await new Thread(`native.tunOpen(${JSON.stringify(name)}, 0x5000, 3, 0, -1);`).ended;
      const device = openTun({ name, offload: Offload.off });
      expect(device).toMatchObject({ vnetBytes: 10, offload: Offload.off });
      expect(partialChecksum(device)).toBe(false);
      device.close();
      ip(`link delete ${name}`);
    });

    it('offloads are off again after us', () => {
      const name = fresh();
      ip(`tuntap add dev ${name} mode tun vnet_hdr`);
      bringUp(name);
      const device = openTun({ name });
      expect(partialChecksum(device)).toBe(true);
      device.close();
      // A program that has never heard of offloads attaches, reads the next datagram, and tells its virtio_net flags.
      const flags = execFileSync('python3', [
        '-c',
        `import fcntl, os, select, socket, struct, sys
fd = os.open('/dev/net/tun', os.O_RDWR)
fcntl.ioctl(fd, 0x400454ca, struct.pack('16sH22x', sys.argv[1].encode(), 0x5001))
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for attempt in range(100):
    sender.sendto(b'hello', (sys.argv[2], 9))
    while select.select([fd], [], [], 0.05)[0]:
        packet = os.read(fd, 65536)
        if packet[10] == 0x45 and packet[10 + 9] == 17:
            print(packet[0])
            sys.exit()`,
        name,
        remote(name),
      ]);
      expect(flags.toString()).toBe('0\n');
      expect(details(name)).toMatchObject({ vnet_hdr: true, pi: false });
      ip(`link delete ${name}`);
    });

    const openToAll = process.seteuid !== undefined && (statSync('/dev/net/tun').mode & 0o006) === 0o006;
    it.skipIf(!openToAll)('its owner needs no privilege (where /dev/net/tun is open to all)', () => {
      const name = fresh();
      const OWNER = 65534;
      ip(`tuntap add dev ${name} mode tun user ${OWNER}`);
      process.seteuid!(OWNER);
      try {
        const device = openTun({ name });
        expect(device.created).toBe(false);
        device.close();
      } finally {
        process.seteuid!(0);
      }
      ip(`link delete ${name}`);
    });
  });

  describe('several queues', () => {
    it('join, each with a file descriptor and memory of its own, and leave', () => {
      const first = open({ name: fresh(), multiQueue: true });
      const second = openTun({ name: first.name, join: true, offload: first.offload });
      expect(second).toMatchObject({
        created: false,
        multiQueue: true,
        vnetBytes: 10,
        offload: first.offload,
      });
      bringUp(first.name);
      expect(details(first.name).multi_queue).toBe(true);
      expect(second.setAttached(false)).toBe(0);
      expect(second.read()).toBe(0);
      expect(second.wait(0)).toBe(0);
      expect(echo(first)).toBe('answered');
      expect(second.setAttached(true)).toBe(0);
      second.close();
      expect(exists(first.name)).toBe(true);
      expect(echo(first)).toBe('answered');
    });

    it('serve packets from another thread', async () => {
      const first = open({ name: fresh(), multiQueue: true });
      bringUp(first.name);
      const thread = new Thread(`
        const { queue } = native.tunOpen(${JSON.stringify(first.name)}, 0x5100, 3, 1, -1);
        native.bind(queue, new Uint8Array(new SharedArrayBuffer(4 * ${SLOT_BYTES})), ${SLOT_BYTES}, 4, ${HEADROOM},
          new Int32Array(4), new Int32Array(16), new Int32Array(4), new Int32Array(2));
        say(native.readBatch(queue) >= 0);`);
      expect(await thread.hear()).toBe(true);
      await thread.ended;
      // What a thread leaves open is closed with it.
      await until('the queue to go', () => {
        const [link] = ipJson(`-details link show dev ${first.name}`);
        return link.linkinfo.info_data.numqueues === 1;
      });
    });

    it('a queue more on a single-queue device is refused', () => {
      const first = open({ name: fresh() });
      expect(refusal(() => openTun({ name: first.name, join: true })).code).toBe('busy');
    });

    it('joining a device that is not there is refused', () => {
      expect(refusal(() => openTun({ name: fresh(), join: true })).code).toBe('not-found');
    });
  });

  describe('refusals say what to do', () => {
    it.each([false, true])('a device that another program reads (multi queue: %s)', (multiQueue) => {
      const other = open({ name: fresh(), multiQueue });
      const error = refusal(() => openTun({ name: other.name, multiQueue }));
      expect(error.code).toBe('busy');
      expect(error.message).toContain(`${other.name} is in use by another program`);
    });

    it('a TAP device', () => {
      const name = fresh();
      ip(`tuntap add dev ${name} mode tap`);
      expect(refusal(() => openTun({ name })).code).toBe('not-a-tun');
      ip(`link delete ${name}`);
    });

    it.each(['lo', 'near'])('%s, which is no TUN device', (name) => {
      const error = refusal(() => openTun({ name }));
      expect(error.code).toBe('not-a-tun');
      expect(error.message).toContain(`${name} exists and is not a TUN device`);
    });

    it.each(['', '.', '..', 'sixteen-bytes-xx', 'ä'.repeat(8), 'a/b', 'a b', 'a:b', 'tun%d', 'a\0b'])(
      'the name %j',
      (name) => {
        expect(refusal(() => openTun({ name })).code).toBe('bad-name');
      },
    );

    it.skipIf(process.seteuid === undefined)('no privilege', () => {
      process.seteuid!(65534);
      let error: TunError;
      try {
        error = refusal(() => openTun({ name: fresh() }));
      } finally {
        process.seteuid!(0);
      }
      expect(error.code).toBe('not-permitted');
      expect(error.message).toMatch(/run as root, or give the capability CAP_NET_ADMIN/);
    });
  });

  describe('packets', () => {
    const openWorking = (options: Partial<Parameters<typeof openTun>[0]> = {}) => {
      const device = open({ name: fresh(), ...options });
      bringUp(device.name);
      expect(echo(device)).toBe('answered');
      return device;
    };

    it('gather head and body', () => {
      const device = openWorking();
      const sent = request(device, 1099, 1000);
      put(device, 0, sent, 28);
      expect(device.write(1)).toBe(1);
      const [reply] = replies(device, 1);
      expect(reply?.sequence).toBe(1099);
      expect(reply?.packet.subarray(28)).toEqual(sent.subarray(28));
    });

    it('come in batches, in order, never more than there are slots', () => {
      const device = openWorking({ slots: 4 });
      for (let i = 0; i < 10; i++) put(device, i, request(device, 1000 + i));
      expect(device.write(10)).toBe(10);
      expect([...device.results.subarray(0, 10)]).toEqual(new Array(10).fill(0));
      const sequences: number[] = [];
      while (sequences.length < 10) {
        expect(device.wait(5000)).toBe(1);
        const n = device.read();
        expect(n).toBeLessThanOrEqual(4);
        for (let slot = 0; slot < n; slot++) {
          const sequence = echoReplySequence(slotPacket(device, slot));
          if (sequence !== null && sequence >= 1000) sequences.push(sequence);
        }
      }
      expect(sequences).toEqual(Array.from({ length: 10 }, (_, i) => 1000 + i));
    });

    it('entries of the write list that are wrong fail alone', () => {
      const device = openWorking();
      const size = device.slab.byteLength;
      const wrong = [
        [-1, 28, 0, 0],
        [size, 1, 0, 0],
        [size - 10, 11, 0, 0],
        [0, -1, 0, 0],
        [0, 0, 0, 28],
        [0, 28, -1, 1],
        [0, 28, 0, -1],
        [0, 28, size, 1],
        [0, 28, 0x7fffffff, 0x7fffffff],
        [0x7fffffff, 0x7fffffff, 0, 0],
        [-0x80000000, 28, 0, 0],
      ];
      put(device, 0, request(device, 2001));
      wrong.forEach((entry, i) => {
        device.writes.set(entry, (i + 1) * 4);
      });
      put(device, wrong.length + 1, request(device, 2002));
      expect(device.write(wrong.length + 2)).toBe(2);
      expect([...device.results.subarray(0, wrong.length + 2)]).toEqual([0, ...wrong.map(() => EFAULT), 0]);
      expect(replies(device, 2).map(({ sequence }) => sequence)).toEqual([2001, 2002]);
    });

    it('what the kernel refuses is told by packet', () => {
      const device = openWorking();
      put(device, 0, Uint8Array.of(0x75, 0, 0, 0));
      put(device, 1, request(device, 3));
      // A segmentation that was never enabled: gso_type 0x7f.
      put(device, 2, request(device, 4));
      new Uint8Array(device.slab)[device.writes[8]! + 1] = 0x7f;
      expect(device.write(3)).toBe(1);
      expect([...device.results.subarray(0, 3)]).toEqual([EINVAL, 0, EINVAL]);
    });

    it('a write list that is too short is a mistake of the caller', () => {
      const device = open({ name: fresh(), writes: 2 });
      expect(() => device.write(3)).toThrow(TypeError);
    });
  });

  // A kernel without io_uring runs the second twice: then exchange does the same by single system calls.
  describe.each([
    ['by io_uring', true],
    ['by single system calls', false],
  ])('an exchange %s', (_, ioUring) => {
    /** Exchanges for a while until `count` echo replies have come. @returns sequence numbers, and every batch's slots */
    const exchanged = (device: TunDevice, count: number, pending = 0) => {
      const sequences: number[] = [];
      const batches: { first: number; count: number }[] = [];
      const deadline = performance.now() + 5000;
      for (let list = pending; sequences.length < count && performance.now() < deadline; list = 0) {
        const n = device.exchange(list);
        const first = device.state[STATE_FIRST]!;
        if (n > 0) batches.push({ first, count: n });
        else device.wait(100);
        for (let slot = first; slot < first + n; slot++) {
          if (device.lengths[slot] === -1) continue;
          const sequence = echoReplySequence(slotPacket(device, slot));
          if (sequence !== null && sequence >= 1000) sequences.push(sequence);
        }
      }
      return { sequences, batches };
    };
    const working = (options: { slots?: number } = {}) => {
      const device = open({ name: fresh(), ioUring, ...options });
      bringUp(device.name);
      expect(echo(device)).toBe('answered');
      return device;
    };

    it('writes, then reads, in order, never more than a batch', () => {
      const device = working({ slots: 4 });
      for (let i = 0; i < 10; i++) put(device, i, request(device, 1000 + i));
      const { sequences, batches } = exchanged(device, 10, 10);
      expect(sequences).toEqual(Array.from({ length: 10 }, (_, i) => 1000 + i));
      for (const { count } of batches) expect(count).toBeLessThanOrEqual(4);
    });

    it('leaves alone what was written, until the next', () => {
      const device = working({ slots: 4 });
      const bytes = new Uint8Array(device.slab);
      for (let round = 0; round < 8; round++) {
        // Of the reply that came last the payload goes out again, from the slot it came in by.
        put(device, 0, request(device, 1000 + round), 28);
        const [, , body = 0, length = 0] = device.writes.subarray(0, 4);
        const slot = device.state[STATE_FIRST]! * SLOT_BYTES + HEADROOM + 28;
        if (round > 0) {
          expect(bytes.subarray(slot, slot + length)).toEqual(bytes.subarray(body, body + length));
          device.writes[2] = slot;
        }
        const before = bytes.slice(device.writes[2], device.writes[2]! + length);
        const from = device.writes[2]!;
        let n = device.exchange(1);
        expect(bytes.subarray(from, from + length)).toEqual(before);
        expect(device.results[0]).toBe(0);
        while (n === 0 && device.wait(5000) === 1) n = device.exchange(0);
        expect(echoReplySequence(slotPacket(device, device.state[STATE_FIRST]!))).toBe(1000 + round);
      }
    });

    it('tells what was refused, and writes the rest', () => {
      const device = working();
      put(device, 0, request(device, 1001));
      device.writes.set([-1, 28, 0, 0], 4);
      put(device, 2, request(device, 1002));
      put(device, 3, Uint8Array.of(0x75, 0, 0, 0));
      put(device, 4, request(device, 1003));
      expect(device.exchange(5)).toBeGreaterThanOrEqual(0);
      expect(device.state[STATE_REFUSED]).toBe(2);
      expect([...device.results.subarray(0, 5)]).toEqual([0, EFAULT, 0, EINVAL, 0]);
    });

    it('a packet of several entries has one result', () => {
      const device = working();
      const packet = request(device, 1001, 128);
      put(device, 0, packet, 64);
      const body = device.writes[2]!;
      device.writes[3] = 32;
      device.writes.set([0, 0, body + 32, packet.length - 96], 4);
      put(device, 2, Uint8Array.of(0x75, 0, 0, 0));
      device.writes.set([0, 0, body, 8], 12);
      expect(exchanged(device, 1, 4).sequences).toEqual([1001]);
      expect([...device.results.subarray(0, 4)]).toEqual([0, 0, EINVAL, EINVAL]);
    });

    it('takes more packets than the ring has room for', () => {
      const device = working({ slots: 64 });
      const list = 400;
      put(device, 0, request(device, 1000));
      for (let i = 1; i < list; i++) device.writes.copyWithin(i * 4, 0, 4);
      const { sequences } = exchanged(device, list, list);
      expect(device.state[STATE_REFUSED]).toBe(0);
      expect(sequences).toHaveLength(list);
    });

    it('of a device that is gone fails', () => {
      const device = working();
      put(device, 0, request(device, 1000));
      ip(`link delete ${device.name}`);
      expect(device.exchange(1)).toBe(ioUring && device.ioUring ? ENODEV : 0);
      expect(device.results[0]).toBe(ENODEV);
      expect(device.exchange(0)).toBe(ENODEV);
    });

    it('reads nothing from a queue that is taken out', () => {
      const device = open({ name: fresh(), ioUring, multiQueue: true });
      bringUp(device.name);
      expect(device.setAttached(false)).toBe(0);
      expect(device.exchange(0)).toBe(0);
    });
  });

  describe('waiting', () => {
    it('ends at its time', () => {
      const device = open({ name: fresh() });
      const start = performance.now();
      expect(device.wait(50)).toBe(0);
      expect(performance.now() - start).toBeGreaterThan(45);
    });

    it('ends by a wake-up from another thread, and one wake-up ends one wait', () => {
      const device = open({ name: fresh() });
      new Thread(`native.wake(${device.wakeFd});`);
      expect(device.wait(10_000)).toBe(0);
      const start = performance.now();
      expect(device.wait(20)).toBe(0);
      expect(performance.now() - start).toBeGreaterThan(15);
    });

    it('ends for every wake-up sent before', () => {
      const device = open({ name: fresh() });
      wake(device.wakeFd);
      wake(device.wakeFd);
      const start = performance.now();
      expect(device.wait(10_000)).toBe(0);
      expect(performance.now() - start).toBeLessThan(5000);
    });

    it('takes an eventfd of the caller and leaves it open', () => {
      const fd = openWake();
      const device = openTun({ name: fresh(), wakeFd: fd });
      expect(device.wakeFd).toBe(fd);
      wake(fd);
      expect(device.wait(10_000)).toBe(0);
      device.close();
      const next = open({ name: fresh(), wakeFd: fd });
      wake(fd);
      expect(next.wait(10_000)).toBe(0);
      closeWake(fd);
    });

    it('ends when the device is deleted', async () => {
      const name = fresh();
      const thread = new Thread(`
        const { queue } = native.tunOpen(${JSON.stringify(name)}, 0x5000, 3, 0, -1);
        const memory = () => new Int32Array(16);
        native.bind(queue, new Uint8Array(${SLOT_BYTES}), ${SLOT_BYTES}, 1, ${HEADROOM}, memory(), memory(), memory(), memory());
        say('waiting');
        const waited = native.wait(queue, -1);
        say([waited, native.readBatch(queue), native.wait(queue, 10), native.writeBatch(queue, 0, 0)]);`);
      expect(await thread.hear()).toBe('waiting');
      ip(`link delete ${name}`);
      expect(await thread.hear()).toEqual([ENODEV, ENODEV, ENODEV, 0]);
      await thread.ended;
    });

    it('does not spin while the device is down, and goes on when it is up again', () => {
      const device = open({ name: fresh() });
      bringUp(device.name);
      expect(echo(device)).toBe('answered');
      ip(`link set ${device.name} down`);
      while (device.read() > 0);
      const cpu = process.cpuUsage();
      const start = performance.now();
      let rounds = 0;
      while (performance.now() - start < 300) {
        device.wait(300);
        expect(device.read()).toBe(0);
        rounds++;
      }
      expect(rounds).toBeLessThan(5);
      const { user, system } = process.cpuUsage(cpu);
      expect(user + system).toBeLessThan(150_000);
      put(device, 0, request(device, 8));
      expect(device.write(1)).toBe(0);
      expect(device.results[0]).toBe(EIO);
      ip(`link set ${device.name} up`);
      expect(echo(device)).toBe('answered');
    });

    it('a small send buffer costs packets, not the process', () => {
      const device = open({ name: fresh() });
      bringUp(device.name);
      expect(device.setSendBuffer(1)).toBe(0);
      put(device, 0, request(device, 5, 1400));
      put(device, 1, request(device, 6, 1400));
      expect(device.write(2)).toBeGreaterThanOrEqual(0);
      expect(device.setSendBuffer(1 << 20)).toBe(0);
    });
  });

  it('a closed device answers EBADF', () => {
    const device = openTun({ name: fresh() });
    device.close();
    device.close();
    expect([device.read(), device.write(0), device.wait(0), device.setOffload(0)]).toEqual(
      new Array(4).fill(EBADF),
    );
  });
});

describe('what cannot be provoked here', () => {
  it.each([
    [-2, 'open', 'no-tun', /modprobe tun/],
    [-19, 'open', 'no-tun', /mknod/],
    [-13, 'open', 'not-permitted', /access to the device file/],
    [-1, 'create', 'not-permitted', /CAP_NET_ADMIN/],
    [-16, 'attach', 'busy', /--tun/],
    [-95, 'header', 'failed', /ENOTSUP \(header\)/],
  ] as const)('%i at %s', (error, step, code, message) => {
    const explained = explain('clat', { error, step });
    expect(explained.code).toBe(code);
    expect(explained.message).toMatch(message);
    expect(explained.errno).toBe(error);
  });
});
