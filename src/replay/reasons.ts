/** What replay finds in captures and the translator never meets: beside THE reason table, for `explain` and the report. */
import { REASONS, type ReasonName, type Verdict } from '../translate/reasons.ts';

export type ReplayVerdict = Verdict | 'seen' | 'cut by the capture';

export const REPLAY_REASONS = [
  {
    name: 'TranslatorOutput',
    verdict: 'seen',
    text: 'What the translator itself wrote: a capture of its device holds each packet before and after translation.',
  },
  {
    name: 'OtherInterface',
    verdict: 'seen',
    text: "Captured on another interface than the translator's device: the translator read it there, or did not read it at all.",
  },
  {
    name: 'CutByCapture',
    verdict: 'cut by the capture',
    text: 'So little of it was captured that nothing can be said; capture whole packets (tcpdump without -s).',
  },
] as const satisfies readonly { name: string; verdict: ReplayVerdict; text: string }[];

export type ReplayReason = ReasonName | (typeof REPLAY_REASONS)[number]['name'];

/** One sentence about any of them, with its rule. */
export function reasonText(name: ReplayReason): string {
  const own = REPLAY_REASONS.find((row) => row.name === name);
  if (own !== undefined) return `${own.text} [docs/replay.md]`;
  const { text, spec, rfc } = REASONS.find((row) => row.name === name)!;
  return `${text} [${spec}, ${rfc}]`;
}
