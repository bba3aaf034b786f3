// Every way a run can fail, with what the user's shell and the retry policy make of it.

/** What a fault means to the shell (contract section 2) and whether Temporal may try again. */
export const FAULTS = {
  'command-invalid': { exitCode: 2, retry: false },
  'config-invalid': { exitCode: 2, retry: false },
  'run-config-mismatch': { exitCode: 2, retry: false },
  'code-not-allowed': { exitCode: 2, retry: false },
  'not-there-yet': { exitCode: 2, retry: false },
  'run-unknown': { exitCode: 2, retry: false },
  'data-missing': { exitCode: 3, retry: false },
  'data-invalid': { exitCode: 3, retry: false },
  'label-mismatch': { exitCode: 3, retry: false },
  'non-finite-input': { exitCode: 3, retry: false },
  'model-missing': { exitCode: 3, retry: false },
  'model-invalid': { exitCode: 3, retry: false },
  'model-no-taps': { exitCode: 3, retry: false },
  'shape-mismatch': { exitCode: 3, retry: false },
  'service-unavailable': { exitCode: 4, retry: true },
  'device-unavailable': { exitCode: 4, retry: false },
  'disk-full': { exitCode: 4, retry: false },
  'storage-denied': { exitCode: 4, retry: false },
  'storage-failed': { exitCode: 4, retry: true },
  'log-truncated': { exitCode: 4, retry: false },
  'memory-exceeded': { exitCode: 4, retry: true },
  'code-width-mismatch': { exitCode: 1, retry: false },
  'digest-collision': { exitCode: 1, retry: false },
  internal: { exitCode: 1, retry: true },
  cancelled: { exitCode: 130, retry: false },
  interrupted: { exitCode: 130, retry: false },
} as const satisfies Record<string, { exitCode: number; retry: boolean }>;

export type FaultKind = keyof typeof FAULTS;

/** A fault as data: it crosses threads, Temporal failures and `run.json` unchanged. */
export interface PipelineFault {
  readonly kind: FaultKind;
  /** What is wrong, as a sentence without its full stop. */
  readonly what: string;
  /** File, row, config key, tensor or service. */
  readonly where?: string;
  /** The offending value, shortened. */
  readonly value?: string;
  /** Everything that was tried, each with why it failed. */
  readonly tried?: readonly string[];
  /** What the user can do. */
  readonly remedy?: string;
}

/** The one error class that carries a {@link PipelineFault}; anything else is an internal fault. */
export class PipelineError extends Error {
  readonly fault: PipelineFault;

  constructor(fault: PipelineFault, options?: ErrorOptions) {
    super(describeFault(fault), options);
    this.name = 'PipelineError';
    this.fault = fault;
  }
}

/** One line for people: where, what, value, remedy. */
export function describeFault({ what, where, value, tried, remedy }: PipelineFault): string {
  const place = where === undefined ? '' : `${where}: `;
  const facts = [...(value === undefined ? [] : [value]), ...(tried ?? [])];
  const found = facts.length === 0 ? '' : ` (${facts.join('; ')})`;
  const advice = remedy === undefined ? '' : `. ${remedy}`;
  return `${place}${what}${found}${advice}`;
}

/** What storage says when it works badly, and may work again: of disks, of network folders, of a machine short of handles. */
const STORAGE_CODES: ReadonlySet<string> = new Set([
  'EIO',
  'ESTALE',
  'EBUSY',
  'ETIMEDOUT',
  'EMFILE',
  'ENFILE',
  'EREMOTEIO',
]);

/** What storage says where it does not let this user write or read, or where a file stands in a folder's place. */
const REFUSED_CODES: ReadonlySet<string> = new Set(['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'ENAMETOOLONG']);

/** The same of a folder that is to be made: a file has its name, or the file system (as /proc) takes none. */
const REFUSED_FOLDER_CODES: ReadonlySet<string> = new Set(['EEXIST', 'ENOENT']);

/** Any thrown value as a fault; storage's errors and unknown ones are recognised here and nowhere else. */
export function faultOf(error: unknown): PipelineFault {
  if (error instanceof PipelineError) return error.fault;
  const code = (error as NodeJS.ErrnoException | null)?.code;
  const text = error instanceof Error ? error.message : String(error);
  if (code === 'ENOSPC' || code === 'EDQUOT' || /no space left on device/i.test(text)) {
    return {
      kind: 'disk-full',
      what: 'no space left on the device',
      value: text,
      remedy: 'Free some space; the same command resumes.',
    };
  }
  const { path, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  // Sockets time out too, but not over a path.
  if (code !== undefined && STORAGE_CODES.has(code) && (path !== undefined || code === 'EIO')) {
    return {
      kind: 'storage-failed',
      what: `the storage failed${syscall === undefined ? '' : ` in ${syscall}`}`,
      ...(path === undefined ? {} : { where: path }),
      value: text,
      remedy: 'Check the disk or the mounted folder; the same command resumes.',
    };
  }
  const noFolder = syscall === 'mkdir' && REFUSED_FOLDER_CODES.has(code ?? '');
  if (code !== undefined && (REFUSED_CODES.has(code) || noFolder) && path !== undefined) {
    return {
      kind: 'storage-denied',
      what: `the storage refuses${syscall === undefined ? '' : ` ${syscall}`}`,
      where: path,
      value: text,
      remedy:
        'Choose another folder (--out, output.dir, TESSERA_HOME), or change whose it is; the same command resumes.',
    };
  }
  if (code === 'ERR_WORKER_OUT_OF_MEMORY') {
    return {
      kind: 'memory-exceeded',
      what: 'a thread of the worker ran out of memory',
      value: text,
      remedy: 'Lower stream.batchRows, or raise TESSERA_WORKER_MB.',
    };
  }
  return { kind: 'internal', what: text };
}
