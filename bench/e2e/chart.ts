/** The comparison as a picture for the README: plain SVG that follows the reader's light or dark theme. */
import { type Results, type Spread, summary } from './summary.ts';
import { digits } from './table.ts';

/** The figures worth a picture. */
const SHOWN: readonly (readonly [string, string])[] = [
  ['tcp-1-up', 'TCP, one stream, up'],
  ['tcp-1-down', 'TCP, one stream, down'],
  ['tcp-4-up', 'TCP, four streams, up'],
  ['tcp-1-up-cpu', 'translator CPU for 1 GB of TCP'],
  ['udp-64-1-up', 'UDP 64 B, one flow'],
  ['udp-64-1000-up', 'UDP 64 B, 1,000 flows'],
  ['udp-1400-1-up', 'UDP 1,400 B, one flow'],
  ['table-up', '20,000 address mappings, random'],
  ['latency-idle-p50', 'latency idle, median'],
  ['latency-bulk-p99', 'latency beside a TCP transfer, p99'],
];

const WIDTH = 760;
const LABEL = 250;
const VALUE = 150;
const BAR = 13;
const GAP = 4;
const GROUP_GAP = 16;
const TOP = 74;
const NOTE = 16;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .title { font-weight: 600; font-size: 15px }
  .small { font-size: 11.5px; fill: #59636e }
  .b0 { fill: #0969da } .b1 { fill: #bf8700 } .b2 { fill: #8c959f } .b3 { fill: #8250df } .b4 { fill: #1a7f37 }
  .whisker { stroke: #1f2328; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 }
    .b0 { fill: #4493f8 } .b1 { fill: #d29922 } .b2 { fill: #6e7681 } .b3 { fill: #ab7df8 } .b4 { fill: #3fb950 }
    .whisker { stroke: #e6edf3 }
  }`;
const COLOURS = 5;

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const text = (x: number, y: number, content: string, rest = ''): string =>
  `<text x="${x.toFixed(1)}" y="${y}"${rest}>${escaped(content)}</text>`;

export function chart(results: Results): string {
  const names = results.contestants.map(({ name }) => name);
  const parts: string[] = [];
  let y = TOP;
  for (const [key, title] of SHOWN) {
    const figure = results.figures.find((one) => one.key === key);
    const bars = names
      .map((name, i) => [i, summary(results, name, key)] as const)
      // A translator's cost is nothing to plain IPv6.
      .filter((bar): bar is readonly [number, Spread] => bar[1] !== null && bar[1].median > 0);
    if (figure === undefined || bars.length === 0) continue;
    const scale = (WIDTH - LABEL - VALUE) / Math.max(...bars.map(([, s]) => s.most));
    const middle = y + (bars.length * (BAR + GAP) - GAP) / 2;
    parts.push(text(LABEL - 12, middle - 1, title, ' text-anchor="end"'));
    const hint = `${figure.unit}, ${figure.better === 'more' ? 'more' : 'less'} is better`;
    parts.push(text(LABEL - 12, middle + 14, hint, ' class="small" text-anchor="end"'));
    for (const [i, { median, least, most }] of bars) {
      const width = Math.max(median * scale, 1);
      parts.push(
        `<rect class="b${i % COLOURS}" x="${LABEL}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>`,
      );
      const from = LABEL + least * scale;
      const to = LABEL + most * scale;
      const line = y + BAR / 2;
      parts.push(
        `<path class="whisker" d="M${from.toFixed(1)} ${line}H${to.toFixed(1)}M${from.toFixed(1)} ${line - 3}v6M${to.toFixed(1)} ${line - 3}v6"/>`,
      );
      parts.push(text(Math.max(LABEL + width, to) + 6, y + BAR - 2, digits(median), ' class="small"'));
      y += BAR + GAP;
    }
    y += GROUP_GAP - GAP;
  }
  let x = LABEL;
  const legend = names.map((name, i) => {
    const at = x;
    x += 34 + name.length * 7.5;
    return `<rect class="b${i % COLOURS}" x="${at}" y="34" width="12" height="12" rx="2"/>${text(at + 17, 45, name)}`;
  });
  const notes = [
    `Medians of ${results.rounds} alternations in one run, with least and most.`,
    `${results.machine}, Linux ${results.kernel}, Node ${results.node}, ${results.date.slice(0, 10)}.`,
  ];
  const height = y + 10 + notes.length * NOTE;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="clatd compared">
<style>${STYLE}
</style>
${text(LABEL, 20, 'clatd beside TAYGA and untranslated IPv6', ' class="title"')}
${legend.join('\n')}
${parts.join('\n')}
${notes.map((note, i) => text(LABEL, y + 8 + i * NOTE, note, ' class="small"')).join('\n')}
</svg>
`;
}
