/** Makes `node_modules` match `package-lock.json`. @see ensure-installed.mjs */
export function ensureInstalled(options?: {
  readonly root?: string;
  /** Installs; resolves to npm's exit code. */
  readonly install?: (root: string) => Promise<number>;
  readonly note?: (line: string) => void;
}): Promise<'present' | 'installed'>;
