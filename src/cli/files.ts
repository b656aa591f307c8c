/** What main.ts needs of the folders below: it may import cli only. */
export { systemReason } from '../config/system-reason.ts';
export { readRegularFile } from '../io/regular-file.ts';
