/** Counting what became of packets: the table at the end of a replay. */
import { count } from '../config/count.ts';
import type { Fate } from './capture-translator.ts';
import { type ReplayReason, type ReplayVerdict, reasonText } from './reasons.ts';
import type { SizeSource } from './super-packet.ts';

interface Kind {
  readonly verdict: ReplayVerdict;
  readonly reason: ReplayReason;
  packets: number;
}

/** Where segment sizes came from, in the words of the table. */
const SOURCES: Readonly<Record<SizeSource, string>> = {
  mss: "by the MSS in the flow's SYN",
  mtu: 'by the MTU',
  datagram: "by the flow's largest datagram, which is a guess",
};

export class Tally {
  /** Kinds met so far, by reason: one or two each, so that a search is short. */
  readonly #kinds = new Map<ReplayReason, Kind[]>();
  readonly #superPackets: Record<SizeSource, number> = { mss: 0, mtu: 0, datagram: 0 };
  #segments = 0;
  #outputs = 0;

  count({ verdict, reason, outputs, segmentation, segments }: Fate): void {
    this.#outputs += outputs.length;
    if (segmentation !== null) {
      this.#superPackets[segmentation.by]++;
      this.#segments += segments;
    }
    let kinds = this.#kinds.get(reason);
    if (kinds === undefined) {
      kinds = [];
      this.#kinds.set(reason, kinds);
    }
    const kind = kinds.find((one) => one.verdict === verdict);
    if (kind === undefined) kinds.push({ verdict, reason, packets: 1 });
    else kind.packets++;
  }

  /** A table by reason and verdict, most frequent first. */
  table(): string {
    const sorted = [...this.#kinds.values()]
      .flat()
      .sort((a, b) => b.packets - a.packets || a.reason.localeCompare(b.reason));
    const total = sorted.reduce((sum, { packets }) => sum + packets, 0);
    const width = Math.max(10, ...sorted.map(({ verdict }) => verdict.length));
    const columns = (packets: string, share: string, verdict: string, reason: string): string =>
      `${packets.padStart(10)}  ${share.padStart(7)}  ${verdict.padEnd(width)}  ${reason}`;
    const lines = sorted.map(({ reason, verdict, packets }) => {
      const share = `${((100 * packets) / total).toFixed(1)} %`;
      return `${columns(`${packets}`, share, verdict, reason.padEnd(28))}  ${reasonText(reason)}`;
    });
    const heading = columns('packets', 'share', 'verdict', 'reason');
    const sum = `${`${total}`.padStart(10)}  in all; ${this.#outputs} came out`;
    return `${[heading, ...lines, sum, ...this.#segmented()].join('\n')}\n`;
  }

  #segmented(): string[] {
    const met = (Object.keys(SOURCES) as SizeSource[]).filter((by) => this.#superPackets[by] > 0);
    if (met.length === 0) return [];
    const packets = met.reduce((sum, by) => sum + this.#superPackets[by], 0);
    const how = met.map((by) => `${count(this.#superPackets[by])} ${SOURCES[by]}`).join(', ');
    return [
      `${`${packets}`.padStart(10)}  segmented: super-packets, cut into ${count(this.#segments)} segments (${how})`,
    ];
  }
}
