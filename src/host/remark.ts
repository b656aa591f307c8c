/**
 * Remarks: what would be said again with every look, question or packet. Each sentence is logged once in an hour, for the
 * whole process, whoever makes it; one that is still true then is worth another line. News (the CLAT is up, it is gone) are
 * no remarks and go to the log as they are; daemon/line-limit.ts bounds both.
 */
export interface RemarkLog {
  info(text: string): void;
  warn(text: string): void;
}

const AGAIN = 3_600_000; // ms
/** Others choose the sentences, so their number is bounded: the one made longest ago is forgotten first. */
const MOST = 512;

/** By log, of which a process has one: sentence → when it was logged, ms. */
const made = new WeakMap<RemarkLog, Map<string, number>>();

/** Logs a sentence, unless that was done within the hour. */
export function remark(log: RemarkLog, level: 'info' | 'warn', text: string): void {
  let sentences = made.get(log);
  if (sentences === undefined) {
    sentences = new Map();
    made.set(log, sentences);
  }
  const now = performance.now();
  const before = sentences.get(text);
  if (before !== undefined && now - before < AGAIN) return;
  // In the order of their time.
  sentences.delete(text);
  if (sentences.size >= MOST) sentences.delete(sentences.keys().next().value!);
  sentences.set(text, now);
  log[level](text);
}

/** They may all be made again. */
export function forgetRemarks(log: RemarkLog): void {
  made.delete(log);
}
