/** Text from outside inside a message: on one line, without control characters, and not for ever. */

const LONGEST = 100;
/** Controls that JSON leaves alone, and those that turn a terminal's writing direction around. */
const ODD = /[\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

export function quote(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
  return JSON.stringify(short).replace(
    ODD,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
