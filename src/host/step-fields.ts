/**
 * What each field of a step may hold when it is read back from a journal: the file is data of another process, and what
 * undoes it writes into /proc/sys and into scripts for `ip` and `nft`, one command a line.
 *
 * One row a kind of step. The type asks for a row for every kind and a check for every field of it, so that a new kind or
 * field of plan.ts does not compile before it stands here.
 */
import { isIP } from 'node:net';
import { isPlainName } from './nft.ts';
import type { Before, Done, Step } from './plan.ts';

type Check = (value: unknown) => boolean;
type Checks<T> = { readonly [K in keyof T]-?: Check };
type StepChecks = { readonly [K in Step['kind']]: Checks<Omit<Extract<Step, { kind: K }>, 'kind'>> };

const text =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);
const integer =
  (least: number, most: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const recordOf =
  (key: Check, check: Check): Check =>
  (value) =>
    isObject(value) && Object.entries(value).every(([name, one]) => key(name) && check(one));

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isName: Check = text(/^(?!\.\.?$)[^\s/:%\p{Cc}]{1,15}$/u);
/** Below /proc/sys/net, and never up from there. */
const isKey: Check = (value) =>
  text(/^net(\/[^\s/\p{Cc}]+)+$/u)(value) &&
  !(value as string).split('/').some((part) => /^\.\.?$/.test(part));
const isSetting: Check = text(/^[\x20-\x7e\t]{0,256}$/);
const isLine: Check = text(/^[^\p{Cc}]*$/u);
const isFamily: Check = oneOf(4, 6);
const isAddress: Check = (value) => typeof value === 'string' && isIP(value) !== 0 && !value.includes('%');
const isDestination: Check = (value) => {
  if (typeof value !== 'string') return false;
  const [address, length, ...more] = value.split('/');
  if (value === 'default') return true;
  return isAddress(address) && /^\d{1,3}$/.test(length ?? '') && Number(length) <= 128 && more.length === 0;
};
const isMtu: Check = integer(0, 2 ** 31 - 1);
const isWord32: Check = integer(0, 2 ** 32 - 1);
const isNftFamily: Check = oneOf('ip', 'ip6', 'inet');
const isNftName: Check = (value) => typeof value === 'string' && isPlainName(value);

const FIELDS: StepChecks = {
  sysctl: { key: isKey, value: isSetting, drags: listOf(isKey) },
  link: { dev: isName, mtu: orNull(isMtu) },
  address: {
    dev: isName,
    family: isFamily,
    address: isAddress,
    length: integer(0, 128),
    deprecated: optional(oneOf(true)),
  },
  routes: {
    family: isFamily,
    dev: isName,
    to: listOf(isDestination),
    metric: isWord32,
    gateway: orNull(isAddress),
    source: orNull(isAddress),
    mtu: orNull(isMtu),
    table: optional(isWord32),
    type: optional(oneOf('unreachable')),
  },
  rule: { iif: orNull(isName), to: orNull(isDestination), table: isWord32 },
  proxy: { dev: isName, address: isAddress },
  accept: {
    family: isNftFamily,
    table: isNftName,
    chain: isNftName,
    comment: text(/^[^"\\\p{Cc}]*$/u),
    rules: listOf(isLine),
  },
  // Tables are dropped whole: none but ours. Their rules are not read again.
  nft: { family: isNftFamily, table: text(/^clatd[\w.-]*$/), rules: (value) => typeof value === 'string' },
};

const BEFORE: Checks<Before> = {
  values: optional(recordOf(isKey, isSetting)),
  up: optional((value) => typeof value === 'boolean'),
  mtu: optional(isMtu),
  present: optional(listOf(isDestination)),
  devs: optional(recordOf(isName, integer(1, 2 ** 31 - 1))),
};

/** Is this, out of a journal, a step as plan.ts makes them, with what was before it? */
export function isDone(value: unknown): value is Done {
  if (!isObject(value) || !isObject(value.step) || !isObject(value.before)) return false;
  const { kind, ...fields } = value.step;
  if (typeof kind !== 'string' || !Object.hasOwn(FIELDS, kind)) return false;
  return fits(fields, FIELDS[kind as Step['kind']]) && fits(value.before, BEFORE);
}

/** Every field as it should be, and no field that nobody knows: it would mean something to a later version. */
function fits(fields: Record<string, unknown>, checks: Readonly<Record<string, Check>>): boolean {
  return (
    Object.entries(checks).every(([name, check]) => check(fields[name])) &&
    Object.keys(fields).every((name) => Object.hasOwn(checks, name))
  );
}
