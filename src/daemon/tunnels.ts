/** Writes down which tunnels run over the CLAT, so that the next process knows it too (CLAT-5). */
import { rememberOver } from '../host/clats.ts';
import { tunnelsOver } from '../host/native4.ts';
import type { HostState } from '../host/state.ts';
import type { Logger } from './log.ts';

export class TunnelMemory {
  readonly #tun: string;
  readonly #log: Logger;
  #written = '[]';
  #refused = false;

  constructor(tun: string, log: Logger) {
    this.#tun = tun;
    this.#log = log;
  }

  /** After each reading of the host. */
  look(state: HostState): void {
    const before = state.clats.filter(({ tun }) => tun === this.#tun).flatMap(({ over }) => over);
    const over = tunnelsOver(state, this.#tun);
    const text = JSON.stringify(over);
    if (text === JSON.stringify(before) || (this.#refused && text === this.#written)) return;
    this.#written = text;
    for (const { name, index } of over) {
      if (before.some((one) => one.index === index && one.name === name)) continue;
      this.#log.info(
        `${name} has an IPv4 default route and sends its own packets through ${this.#tun}: a VPN over the CLAT, no native IPv4`,
      );
    }
    try {
      rememberOver(this.#tun, over);
      this.#refused = false;
    } catch (error) {
      this.#refused = true;
      this.#log.warn(
        `a restart will take ${over.map(({ name }) => name).join(', ') || 'a VPN'} for native IPv4: ${(error as Error).message}`,
      );
    }
  }
}
