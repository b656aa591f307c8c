/** A mistake of the person who wrote the configuration: where, and what is wrong with the remedy. */
export interface Mistake {
  /** An option (`--pool6`), a place in a file (`/etc/clatd/eam:17`, `clatd.toml:3:5`) or a key of it. */
  readonly where: string;
  readonly message: string;
}
