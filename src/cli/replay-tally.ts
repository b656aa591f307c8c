/** Counting what became of packets: the report's lines (the same few again and again) and the table at the end. */
import type { Outcome } from '../dataplane/offline.ts';
import { REASONS, type ReasonName, type Verdict } from '../translate/reasons.ts';

interface Kind {
  readonly verdict: Verdict;
  readonly reason: ReasonName;
  readonly outputs: number;
  /** The rest of a report line, behind the index. */
  readonly restOfLine: string;
  packets: number;
}

export class Tally {
  /** Outcomes met so far, by reason: one or two each, so that a search is short. */
  readonly #kinds = new Map<ReasonName, Kind[]>();

  /** @returns the rest of the packet's report line, behind the index */
  count({ verdict, reason, outputs: { length: outputs } }: Outcome): string {
    let kinds = this.#kinds.get(reason);
    if (kinds === undefined) {
      kinds = [];
      this.#kinds.set(reason, kinds);
    }
    let kind = kinds.find((one) => one.verdict === verdict && one.outputs === outputs);
    if (kind === undefined) {
      const rest = JSON.stringify({ verdict, reason, outputs }).slice(1);
      kind = { verdict, reason, outputs, restOfLine: `,${rest}\n`, packets: 0 };
      kinds.push(kind);
    }
    kind.packets++;
    return kind.restOfLine;
  }

  /** A table by reason and verdict, most frequent first. */
  table(): string {
    const rows = new Map<
      string,
      { reason: ReasonName; verdict: Verdict; packets: number; outputs: number }
    >();
    for (const { reason, verdict, packets, outputs } of [...this.#kinds.values()].flat()) {
      const key = `${reason} ${verdict}`;
      const row = rows.get(key) ?? { reason, verdict, packets: 0, outputs: 0 };
      row.packets += packets;
      row.outputs += packets * outputs;
      rows.set(key, row);
    }
    const sorted = [...rows.values()].sort(
      (a, b) => b.packets - a.packets || a.reason.localeCompare(b.reason),
    );
    const total = sorted.reduce((sum, { packets }) => sum + packets, 0);
    const outputs = sorted.reduce((sum, row) => sum + row.outputs, 0);
    const lines = sorted.map(({ reason, verdict, packets }) => {
      const { text, spec, rfc } = REASONS.find(({ name }) => name === reason)!;
      const share = `${((100 * packets) / total).toFixed(1)} %`;
      return `${columns(`${packets}`, share, verdict, reason.padEnd(28))}  ${text} [${spec}, ${rfc}]`;
    });
    const heading = columns('packets', 'share', 'verdict', 'reason');
    return `${[heading, ...lines, `${`${total}`.padStart(10)}  in all; ${outputs} came out`].join('\n')}\n`;
  }
}

const columns = (packets: string, share: string, verdict: string, reason: string): string =>
  `${packets.padStart(10)}  ${share.padStart(7)}  ${verdict.padEnd(10)}  ${reason}`;
