// Targets as configs name them: built-in ones, and modules of the user's own.

import { createHash } from 'node:crypto';
import { PipelineError } from '#schemas/errors.ts';
import type { SourceFile } from '#schemas/messages.ts';
import type { BuiltInTarget, TargetConfig } from '#schemas/metflow-targets.ts';
import { randomStream } from '../../activities/numeric/rng.ts';
import { banana } from '../../activities/metflow/targets/banana.ts';
import { classEnergy } from '../../activities/metflow/targets/class-energy.ts';
import { densityMatch } from '../../activities/metflow/targets/density-match.ts';
import { funnel } from '../../activities/metflow/targets/funnel.ts';
import { correlatedGaussian } from '../../activities/metflow/targets/gaussian.ts';
import { cubeVertices, grid, ring, twoFar } from '../../activities/metflow/targets/gaussian-mixture.ts';
import { logisticRegression } from '../../activities/metflow/targets/logistic-regression.ts';
import { studentMixture } from '../../activities/metflow/targets/student-mixture.ts';
import { twoMoons } from '../../activities/metflow/targets/two-moons.ts';
import { vaePosterior } from '../../activities/metflow/targets/vae-posterior.ts';
import type { TracedTarget } from '../../activities/metflow/targets/target.ts';
import { canonicalJson } from '../config/config-hash.ts';
import { readBinaryImages } from './binary-images.ts';
import { activationTarget, polytopeTarget } from './net-targets.ts';
import type { DrawFeed } from './draw-codes.ts';
import { readDenseNet, withoutSigmoid } from './dense-file.ts';
import { readLabelledCsv } from './labelled-csv.ts';
import { loadTargetModule } from './target-module.ts';

export interface NamedTarget {
  readonly name: string;
  /** SHA-256, hex, of everything the density depends on beside this program. */
  readonly sha256: string;
  readonly traced: TracedTarget;
  /** Files that it was made of, by key of the config. */
  readonly files: readonly SourceFile[];
  /** How draws are fed to a model, where they are no inputs of it. */
  readonly feed?: DrawFeed;
}

/**
 * Makes the target of a config.
 * @throws PipelineError `config-invalid` for options out of range, `data-missing` or `data-invalid` for a module that
 * is not there or is no target.
 */
export async function namedTarget(config: TargetConfig, seed: number): Promise<NamedTarget> {
  if ('module' in config) return loadTargetModule(config);
  if (config.name === 'logistic') {
    const { data, sha256: dataSha256 } = await readLabelledCsv(config.data);
    const { priorScale } = config;
    const sha256 = hashOf({ name: config.name, priorScale, dataSha256 });
    const files = [{ key: 'target.data', file: config.data, sha256: dataSha256 }];
    return { name: config.name, sha256, traced: logisticRegression(data, { priorScale }), files };
  }
  if (config.name === 'vae_posterior') return latentTarget(config);
  if (config.name === 'class_energy') return inputTarget(config);
  if (config.name === 'activation_energy') return activationTarget(config, seed);
  if (config.name === 'polytope' || config.name === 'polytope_levels') return polytopeTarget(config, seed);
  return { name: config.name, sha256: hashOf({ config, seed }), traced: builtIn(config, seed), files: [] };
}

async function latentTarget(config: Extract<BuiltInTarget, { name: 'vae_posterior' }>): Promise<NamedTarget> {
  const { name, decoder: file, data, images: rows, seen: range } = config;
  if (rows.length > 0 && data === undefined) {
    throw new PipelineError({
      kind: 'config-invalid',
      where: 'target.data',
      what: 'images are rows of a data file, and there is none',
      remedy: 'Give target.data, an IDX file of images.',
    });
  }
  const { net, sha256: decoderSha256 } = await readDenseNet(file);
  const { images, sha256: imagesSha256 } = await readBinaryImages(data ?? '', rows);
  const decoder = withoutSigmoid(net);
  const [from, to] = range ?? [0, decoder.at(-1)!.outputs];
  const seen = Uint8Array.from({ length: decoder.at(-1)!.outputs }, (_, i) => (i >= from && i < to ? 1 : 0));
  const sha256 = hashOf({ name, from, to, decoderSha256, imagesSha256 });
  const pictures = data === undefined ? [] : [{ key: 'target.images', file: data, sha256: imagesSha256 }];
  const files = [{ key: 'target.decoder', file, sha256: decoderSha256 }, ...pictures];
  return { name, sha256, traced: vaePosterior({ decoder, images, seen }), files };
}

async function inputTarget(config: Extract<BuiltInTarget, { name: 'class_energy' }>): Promise<NamedTarget> {
  const { model: file, class: of, ...law } = config;
  const { net, sha256: modelSha256 } = await readDenseNet(file);
  const files = [{ key: 'target.model', file, sha256: modelSha256 }];
  const sha256 = hashOf({ ...law, of, modelSha256 });
  return { name: config.name, sha256, traced: classEnergy({ ...law, net, of }), files };
}

function hashOf(value: object): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}

function builtIn(
  config: Exclude<
    BuiltInTarget,
    {
      name:
        | 'logistic'
        | 'vae_posterior'
        | 'class_energy'
        | 'activation_energy'
        | 'polytope'
        | 'polytope_levels';
    }
  >,
  seed: number,
): TracedTarget {
  switch (config.name) {
    case 'ring':
      return ring(config);
    case 'grid':
      return grid(config);
    case 'two_far':
      return twoFar(config);
    case 'cube':
      return cubeVertices(config, randomStream(seed, TARGET_STREAM));
    case 'student_mixture':
      return studentMixture(config, randomStream(seed, TARGET_STREAM));
    case 'banana':
      return banana();
    case 'two_moons':
      return twoMoons();
    case 'funnel':
      return funnel(config);
    case 'gaussian':
      return correlatedGaussian(config);
    case 'density_match':
      return densityMatch(config);
  }
}

/** Keeps a target's own random choices apart from all others of the run. */
const TARGET_STREAM = 0x7a7267;
