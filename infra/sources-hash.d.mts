/** The package's root folder. */
export const ROOT: string;

/** What a build depends on. */
export interface Sources {
  readonly files: readonly string[];
  /** Every source file below them counts. */
  readonly folders: readonly string[];
  /** Whatever else the result depends on. */
  readonly salt: string;
}

/** Hash of the sources with their names; 16 hex digits. */
export function sourcesHash(sources: Sources): string;

/** Where below `cache` the bundle of this version of the program lies, if it was built. @see program-bundle.ts */
export function programFolder(cache: string): string;
