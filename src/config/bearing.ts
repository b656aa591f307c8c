/** Which options have an effect beside which others: what is given in vain is said, never ignored. Pure. */
import { formatPrefix6 } from '../address/format.ts';
import type { Prefix6 } from '../address/ip.ts';
import { Offload } from '../io/device.ts';
import { isAutomatic, type RunConfig } from './config.ts';
import { OPTIONS, type OptionRow } from './options.ts';
import type { RawOptions } from './reader.ts';

/** What the effect of an option may depend on. */
export interface Circumstances {
  /** False with --no-configure. */
  readonly configure: boolean;
  /** The prefix and the mapping are found, not given. */
  readonly automatic: boolean;
  readonly pool6: Prefix6 | null;
  readonly healthCheck: boolean;
  /** --enable force: native IPv4 does not matter. */
  readonly forced: boolean;
  readonly offload: Offload;
}

/** Of commands that translate captures and single packets. */
export const offline = (pool6: Prefix6 | null): Circumstances => {
  return {
    configure: false,
    automatic: false,
    pool6,
    healthCheck: false,
    forced: false,
    offload: Offload.uso,
  };
};

export const circumstances = (config: RunConfig): Circumstances => {
  const { configure, offload, clat, translation } = config;
  const { pool6 } = translation;
  return {
    configure,
    automatic: isAutomatic(config),
    pool6,
    healthCheck: clat.healthCheck !== null,
    forced: clat.enable === 'force',
    offload,
  };
};

/** Why an option that bears on this has no effect; null: it has one. */
const IN_VAIN: Readonly<Record<NonNullable<OptionRow['bearsOn']>, (of: Circumstances) => string | null>> = {
  'automatic mode': (of) =>
    of.automatic
      ? null
      : of.configure
        ? 'beside mappings that are given (--eam, --eam-file)'
        : 'beside --no-configure',
  discovery: (of) =>
    IN_VAIN['automatic mode'](of) ??
    (of.pool6 === null ? null : 'beside --pool6: nobody is asked for the prefix'),
  'health check': (of) => IN_VAIN['automatic mode'](of) ?? (of.healthCheck ? null : 'without --health-check'),
  'native IPv4': (of) =>
    IN_VAIN['automatic mode'](of) ??
    (of.forced ? 'beside --enable force: native IPv4 does not matter' : null),
  'default route': (of) => IN_VAIN.host(of) ?? IN_VAIN.pool6(of),
  host: (of) => (of.configure ? null : 'beside --no-configure, which leaves the host alone'),
  pool6: (of) => (of.automatic || of.pool6 !== null ? null : 'without --pool6'),
  'well-known prefix': (of) => {
    const lacking = IN_VAIN.pool6(of);
    if (lacking !== null || of.pool6 === null || formatPrefix6(of.pool6) === '64:ff9b::/96') return lacking;
    return `beside --pool6 ${formatPrefix6(of.pool6)}: it bears on 64:ff9b::/96`;
  },
  segmentation: (of) => (of.offload >= Offload.tso ? null : 'beside --offload off or csum'),
};

/** Options that were given and have no effect, each with the reason. */
export function inVain(
  given: RawOptions,
  of: Circumstances,
): { readonly name: string; readonly why: string }[] {
  return OPTIONS.flatMap(({ name, bearsOn }) => {
    if (bearsOn === undefined || given[name] === undefined) return [];
    const why = IN_VAIN[bearsOn](of);
    return why === null ? [] : [{ name, why }];
  });
}

/** A mode that is chosen and does less than somebody may think; null: it does what it says. */
export function hollow(config: RunConfig): string | null {
  const { configure, eamFile, lan, translation } = config;
  const { eam, pool6 } = translation;
  if (isAutomatic(config)) return null;
  if (pool6 === null && lan.size === 0 && eam.size === 1 && eam.length4[0] === 32) {
    return 'nothing will be translated: without --pool6 packets pass only between addresses that have mappings, and one address has';
  }
  if (eam.size + lan.size > 0) return null;
  const cause = configure
    ? `${eamFile} (--eam-file) turns the automatic mode off and has no mapping in it`
    : '--no-configure turns the automatic mode off, and no mapping is given (--eam, --eam-file)';
  return pool6 === null
    ? `nothing will be translated: ${cause}, nor is --pool6`
    : `only between addresses inside ${formatPrefix6(pool6)} is translated, none of this host: ${cause}`;
}
