// What a run.json has to hold, so that a damaged or hand-made one is told by its key and not by what stumbles over it.

import { z } from 'zod';
import { dataset } from '#schemas/config.ts';
import { FAULTS, PipelineError } from '#schemas/errors.ts';
import type { RunManifest } from '#schemas/messages.ts';
import { metflowTarget } from '#schemas/metflow-targets.ts';
import { joinPath } from './blobs/object-path.ts';
import { quoteValue } from './config/config-faults.ts';

/** Path of a run's manifest. */
export function manifestPath(runDir: string): string {
  return joinPath(runDir, 'run.json');
}

const MANIFEST = 'run manifest';
const count = z.number().min(0);
const cell = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const rows = z.array(z.record(z.string(), cell));
const sourceFile = z.looseObject({ key: z.string(), file: z.string(), sha256: z.string() });

const chains = z.looseObject({
  draws: count,
  trainingSeconds: count.nullable(),
  samplingSeconds: count,
  diagnostics: rows,
  kernels: rows,
  modes: rows,
  regions: rows.optional(),
  levels: rows.optional(),
  bounds: rows.optional(),
  masses: z
    .array(
      z.looseObject({
        span: z.string(),
        heaviest: rows,
        rest: z.record(z.string(), cell),
        rows: count,
        reliableRows: count,
        reliableMass: count,
      }),
    )
    .optional(),
});

/** Keys that a later version adds are let through. */
const manifestShape = z.looseObject({
  runId: z.string().min(1),
  kind: z.enum(['sweep', 'lens', 'metflow']),
  status: z.enum(['running', 'done', 'failed', 'cancelled']),
  config: z.looseObject({ kind: z.enum(['sweep', 'lens', 'metflow']) }),
  configSha256: z.string(),
  model: z
    .looseObject({
      file: z.string(),
      sha256: z.string(),
      backend: z.string(),
      packing: z.string().nullable(),
    })
    .nullable(),
  data: z
    .looseObject({
      sha256: z.string(),
      files: z.array(z.looseObject({ file: z.string(), sha256: z.string(), bytes: count })),
    })
    .nullable(),
  files: z.array(sourceFile).optional(),
  versions: z.record(z.string(), z.string()),
  createdAt: z.iso.datetime(),
  finishedAt: z.iso.datetime().optional(),
  seconds: count.optional(),
  rows: z.record(z.string(), count).optional(),
  restarts: count.optional(),
  skipped: z.array(z.looseObject({ file: z.string(), why: z.string() })),
  notices: z.array(z.string()),
  claims: z.array(z.record(z.string(), z.union([z.string(), z.number(), z.null()]))).optional(),
  chains: chains.optional(),
  nets: z.array(sourceFile).optional(),
  summary: rows.optional(),
  fault: z
    .looseObject({
      kind: z.string().refine((kind) => kind in FAULTS),
      what: z.string(),
      where: z.string().optional(),
      value: z.string().optional(),
      tried: z.array(z.string()).optional(),
      remedy: z.string().optional(),
    })
    .optional(),
});

/**
 * A parsed run.json as what it must be. Its config is looked at by {@link checkRecordedConfig}: one of an older version need not be
 * read to list the run.
 * @throws PipelineError `data-invalid` with the key and its value.
 */
export function manifestOf(file: string, content: unknown): RunManifest {
  const { kind, config } = checkShape(file, { what: MANIFEST, shape: manifestShape, content });
  if (kind !== config.kind) throw fault(`${file}: config.kind`, `this run is of kind ${kind}`, config.kind);
  // What was checked is what the type says, but for the config.
  return content as RunManifest;
}

const recorded = { seed: z.number(), dataset: dataset.optional(), target: metflowTarget.optional() };
const recordedModel = z.looseObject({ file: z.string(), control: z.string() });

/** What reports and comparisons read of a recorded config, by kind. */
const RECORDED = {
  sweep: z.looseObject({
    ...recorded,
    model: recordedModel,
    codes: z.looseObject({ granularity: z.string() }),
  }),
  lens: z.looseObject({ ...recorded, experiment: z.string(), model: recordedModel.optional() }),
  metflow: z.looseObject({
    ...recorded,
    target: metflowTarget,
    train: z.looseObject({ batch: count }).optional(),
  }),
  images: z.looseObject({ ...recorded, experiment: z.enum(['vae', 'inpainting']) }),
} as const;

/** @throws PipelineError `data-invalid` where the config in a run's manifest is not one that can be read, with the key and its value. */
export function checkRecordedConfig(runDir: string, { config }: Pick<RunManifest, 'config'>): void {
  const form = config.kind === 'metflow' && 'experiment' in config ? 'images' : config.kind;
  checkShape<unknown>(manifestPath(runDir), {
    what: MANIFEST,
    shape: RECORDED[form],
    content: config,
    prefix: ['config'],
  });
}

/**
 * @param options.what - what the file should be, for people.
 * @param options.prefix - where in the file `content` lies.
 * @throws PipelineError `data-invalid` with the first key that is wrong, and its value.
 */
export function checkShape<Content>(
  file: string,
  {
    what,
    shape,
    content,
    prefix = [],
  }: {
    readonly what: string;
    readonly shape: z.ZodType<Content>;
    readonly content: unknown;
    readonly prefix?: readonly string[];
  },
): Content {
  const parsed = shape.safeParse(content);
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  const key = [...prefix, ...path].map(String).join('.');
  const value = path.reduce<unknown>((at, step) => (at as Record<PropertyKey, unknown>)?.[step], content);
  throw fault(key === '' ? file : `${file}: ${key}`, `this is no ${what}: ${message}`, value);
}

function fault(where: string, what: string, value: unknown): PipelineError {
  return new PipelineError({
    kind: 'data-invalid',
    what,
    where,
    value: value === undefined ? 'no such key' : quoteValue(value),
    remedy:
      'Restore the file from a copy, or move the folder away, or give the run another id or --out folder.',
  });
}
