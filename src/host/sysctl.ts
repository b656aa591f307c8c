/**
 * Sysctls, as files under /proc/sys. Keys are paths ("net/ipv6/conf/eth0.100/accept_ra"), since interface names may
 * contain dots. /proc/sys/net shows the network namespace of the process that looks.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

export interface Sysctls {
  /** The value without the line's end; null: no such key (an older kernel, or the interface is gone). */
  read(key: string): string | null;
  /** Throws SysctlError. */
  write(key: string, value: string): void;
  /** Names under a key ("net/ipv6/conf": all, default and every interface); empty: no such key. */
  list(key: string): string[];
}

/** A key that could not be written. */
export class SysctlError extends Error {
  override readonly name = 'SysctlError';
  constructor(key: string, value: string, code: string | undefined) {
    const remedy =
      code === 'EACCES' || code === 'EPERM'
        ? 'not permitted (run as root)'
        : code === 'EROFS'
          ? '/proc/sys is read-only here (in a container, set it outside; in a systemd unit, ProtectKernelTunables must be off)'
          : (code ?? 'unknown error');
    super(`cannot set ${dotted(key)} = ${value}: ${remedy}`);
  }
}

/** The key as sysctl(8) writes it; dots inside an interface name become slashes, as sysctl(8) wants. */
export function dotted(key: string): string {
  return key
    .split('/')
    .map((part) => part.replaceAll('.', '/'))
    .join('.');
}

export function procSysctls(root = '/proc/sys'): Sysctls {
  return {
    read(key) {
      try {
        return readFileSync(`${root}/${key}`, 'utf8').trimEnd();
      } catch {
        return null;
      }
    },
    write(key, value) {
      try {
        writeFileSync(`${root}/${key}`, value);
      } catch (error) {
        throw new SysctlError(key, value, (error as NodeJS.ErrnoException).code);
      }
    },
    list(key) {
      try {
        return readdirSync(`${root}/${key}`);
      } catch {
        return [];
      }
    },
  };
}
