/** Takes options one by one, collecting what is wrong with them. */
import type { Parsed } from '../address/parse.ts';
import { quote } from '../address/quote.ts';
import { more } from './count.ts';
import type { Mistake } from './mistake.ts';

/** Options as given: by name without dashes. A value given more than once is a list. */
export type RawOptions = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** Says where an option was given, or this value of a list: `--name`, or a place in a configuration file. */
export type Whereabouts = (name: string, value?: string) => string;

/** More wrong values of one list than this are only counted. */
const MOST_WRONG = 20;

export class Reader {
  readonly mistakes: Mistake[] = [];
  readonly warnings: string[] = [];
  readonly #raw: RawOptions;
  readonly where: Whereabouts;

  constructor(raw: RawOptions, where: Whereabouts) {
    this.#raw = raw;
    this.where = where;
  }

  mistake(name: string, message: string, value?: string): void {
    this.mistakes.push({ where: this.where(name, value), message });
  }

  list(name: string): string[] {
    const value = this.#raw[name];
    if (value === undefined) return [];
    if (typeof value === 'boolean') {
      this.mistake(name, 'needs a value');
      return [];
    }
    const list = typeof value === 'object' ? [...value] : [String(value)];
    if (list.includes('')) this.mistake(name, 'needs a value');
    return list.filter((one) => one !== '');
  }

  /** The value, or null where none was given (or several were, which is a mistake). */
  value(name: string): string | null {
    const values = new Set(this.list(name));
    if (values.size > 1) {
      this.mistake(
        name,
        `is given ${values.size} times with different values (${[...values].slice(0, 3).join(', ')}${values.size > 3 ? ', …' : ''}); give it once`,
      );
      return null;
    }
    return [...values][0] ?? null;
  }

  flag(name: string, otherwise: boolean): boolean {
    const value = this.#raw[name];
    if (value === undefined) return otherwise;
    const given = new Set((typeof value === 'object' ? value : [value]).map(String));
    if (given.size === 1 && given.has('true')) return true;
    if (given.size === 1 && given.has('false')) return false;
    this.mistake(
      name,
      given.has('true') && given.has('false')
        ? `is given both ways; give --${name} or --no-${name}`
        : `is true or false, not ${[...given].map(quote).join(', ')} (on the command line: --${name} or --no-${name})`,
    );
    return otherwise;
  }

  parsed<T, D>(name: string, otherwise: D, parse: (text: string) => Parsed<T>): T | D {
    const text = this.value(name);
    if (text === null) return otherwise;
    const result = parse(text);
    if (result.ok) return result.value;
    this.mistake(name, result.message);
    return otherwise;
  }

  all<T>(name: string, parse: (text: string) => Parsed<T>): T[] {
    let wrong = 0;
    const all = this.list(name).flatMap((text) => {
      const result = parse(text);
      if (result.ok) return [result.value];
      // Finding an element's place in the file costs a search.
      if (wrong++ < MOST_WRONG) this.mistake(name, result.message, text);
      return [];
    });
    if (wrong > MOST_WRONG) this.mistake(name, more(wrong - MOST_WRONG, 'wrong value', 'wrong values'));
    return all;
  }
}
