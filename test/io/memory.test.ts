/** The device in memory behaves as the real one does, and fails where it is told to. */
import { describe, expect, it } from 'vitest';
import { HEADROOM, Offload, SLOT_BYTES } from '../../src/io/device.ts';
import { MemoryDevice, refuseGso } from '../../src/io/memory.ts';

const EINVAL = -22;
const EFAULT = -14;
const ENODEV = -19;

const bytes = (...values: number[]) => Uint8Array.from(values);
const at = (device: MemoryDevice, offset: number, length: number) => [
  ...new Uint8Array(device.slab, offset, length),
];

describe('read', () => {
  it('puts the IP header at HEADROOM of each slot, the virtio_net header before it', () => {
    const device = new MemoryDevice({ vnetBytes: 10 });
    device.deliver(bytes(...new Array(10).fill(0xaa), 0x45, 1, 2), bytes(...new Array(10).fill(0xbb), 0x60));
    expect(device.wait(-1)).toBe(1);
    expect(device.read()).toBe(2);
    expect([...device.lengths.subarray(0, 2)]).toEqual([3, 1]);
    expect(at(device, HEADROOM - 10, 13)).toEqual([...new Array(10).fill(0xaa), 0x45, 1, 2]);
    expect(at(device, SLOT_BYTES + HEADROOM, 1)).toEqual([0x60]);
    expect([device.read(), device.wait(0), device.idle]).toEqual([0, 0, 1]);
  });

  it('fills at most the slots there are', () => {
    const device = new MemoryDevice({ slots: 2 });
    device.deliver(bytes(1), bytes(2), bytes(3));
    expect([device.read(), device.waiting, device.read(), device.read()]).toEqual([2, 1, 1, 0]);
  });

  it('knows a packet shorter than its virtio_net header as empty', () => {
    const device = new MemoryDevice({ vnetBytes: 12 });
    device.deliver(bytes(1, 2, 3));
    expect([device.read(), device.lengths[0]]).toEqual([1, 0]);
  });

  it('takes the largest packet there is, and no larger one', () => {
    const device = new MemoryDevice({ slots: 1 });
    device.deliver(new Uint8Array(40 + 65_535));
    expect([device.read(), device.lengths[0]]).toEqual([1, 65_575]);
    expect(() => device.deliver(new Uint8Array(SLOT_BYTES))).toThrow(RangeError);
  });
});

describe('write', () => {
  it('gathers head and body', () => {
    const device = new MemoryDevice();
    new Uint8Array(device.slab).set([1, 2, 3, 4, 5, 6]);
    device.writes.set([0, 2, 4, 2, 3, 1, 0, 0]);
    expect(device.write(2)).toBe(2);
    expect(device.taken.map((packet) => [...packet])).toEqual([[1, 2, 5, 6], [4]]);
  });

  it('refuses what a fault says, and entries outside the slab, each alone', () => {
    const device = new MemoryDevice({ fault: (packet) => (packet[0] === 1 ? -5 : 0) });
    new Uint8Array(device.slab).set([1, 2]);
    device.writes.set([0, 1, 0, 0, 1, 1, 0, 0, -1, 1, 0, 0, 0, 1, device.slab.byteLength, 1, 0, 0, 0, 0]);
    expect(device.write(5)).toBe(1);
    expect([...device.results.subarray(0, 5)]).toEqual([-5, 0, EFAULT, EFAULT, EFAULT]);
    expect(device.taken.map((packet) => [...packet])).toEqual([[2]]);
  });

  it('refuseGso lets only unsegmented packets through', () => {
    const device = new MemoryDevice({ vnetBytes: 10, offload: Offload.uso, fault: refuseGso });
    new Uint8Array(device.slab).set([1, 0], 0);
    new Uint8Array(device.slab).set([1, 4], 100);
    device.writes.set([0, 60, 0, 0, 100, 60, 0, 0]);
    expect(device.write(2)).toBe(1);
    expect([...device.results.subarray(0, 2)]).toEqual([0, EINVAL]);
    expect([device.setOffload(Offload.csum), device.offload]).toEqual([1, 1]);
  });

  it('a list that is too short is a mistake of the caller', () => {
    expect(() => new MemoryDevice({ writes: 2 }).write(3)).toThrow(TypeError);
  });
});

it('without virtio_net header there is no offload', () => {
  expect(new MemoryDevice().setOffload(Offload.tso)).toBe(0);
});

it('a device that vanished answers ENODEV', () => {
  const device = new MemoryDevice();
  device.deliver(bytes(1));
  device.writes.set([0, 1, 0, 0]);
  device.vanish();
  expect([device.read(), device.wait(-1), device.write(1), device.results[0]]).toEqual([
    ENODEV,
    ENODEV,
    0,
    ENODEV,
  ]);
  device.close();
});
