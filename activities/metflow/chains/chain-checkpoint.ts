// A group of chains as a checkpoint's state and arrays, and back, without losing a bit.

import { arrayOf, type Checkpoint, type CheckpointArray, type Json } from '../checkpoint.ts';
import type { HealthSums } from '../diagnostics/kernel-health.ts';
import type { WarmUpState } from '../warm-up.ts';
import type { ChainRun } from './chain-run.ts';

type Arrays = Record<string, CheckpointArray>;

/** Everything of a group of chains. */
export function chainContent(run: ChainRun): Pick<Checkpoint, 'state' | 'arrays'> {
  const { place, chains, adaptations, health } = run;
  const arrays: Arrays = {
    z: own(chains.z),
    logDensity: own(chains.logDensity),
    momentum: own(chains.momentum),
    direction: own(chains.direction),
    ...(chains.gradient === null ? {} : { gradient: own(chains.gradient) }),
  };
  const state = {
    place: { ...place },
    adaptations: adaptations.map((each, i) => putAdaptation(each, `adaptation${i}`, arrays)),
    health: health.map(({ kernel, sums }, i) => ({ kernel, sums: putHealth(sums, `health${i}`, arrays) })),
  };
  return { state, arrays };
}

/** @throws PipelineError `data-invalid` where an array is missing. */
export function chainRunOf(checkpoint: Checkpoint): ChainRun {
  const state = checkpoint.state as unknown as {
    readonly place: ChainRun['place'];
    readonly adaptations: readonly AdaptationNumbers[];
    readonly health: readonly { readonly kernel: string; readonly sums: HealthNumbers }[];
  };
  const floats = (name: string) => arrayOf(checkpoint, name, 'float64');
  return {
    place: state.place,
    chains: {
      z: floats('z'),
      logDensity: floats('logDensity'),
      gradient: checkpoint.arrays.gradient === undefined ? null : floats('gradient'),
      momentum: floats('momentum'),
      direction: arrayOf(checkpoint, 'direction', 'int8'),
    },
    adaptations: state.adaptations.map((numbers, i) => takeAdaptation(numbers, `adaptation${i}`, floats)),
    health: state.health.map(({ kernel, sums }, i) => ({
      kernel,
      sums: {
        ...sums,
        run: arrayOf(checkpoint, `health${i}.run`, 'uint32'),
        longestRun: arrayOf(checkpoint, `health${i}.longestRun`, 'uint32'),
      },
    })),
  };
}

interface AdaptationNumbers {
  readonly step: number;
  readonly steps: number;
  readonly targetAcceptance: number;
  readonly averagingCount: number;
  readonly momentsCount: number;
}

type HealthNumbers = Omit<HealthSums, 'run' | 'longestRun'>;

function putAdaptation(
  { step, steps, targetAcceptance, scales, averaging, moments }: WarmUpState,
  prefix: string,
  arrays: Arrays,
): { readonly [name: string]: Json } {
  const parts = {
    stepSize: scales.stepSize,
    variance: scales.variance,
    centre: averaging.centre,
    error: averaging.error,
    meanLogStep: averaging.meanLogStep,
    mean: moments.mean,
    squares: moments.squares,
  };
  for (const [name, array] of Object.entries(parts)) arrays[`${prefix}.${name}`] = own(array);
  return {
    step,
    steps,
    targetAcceptance,
    averagingCount: averaging.count,
    momentsCount: moments.count,
  } satisfies AdaptationNumbers;
}

function takeAdaptation(
  { averagingCount, momentsCount, ...numbers }: AdaptationNumbers,
  prefix: string,
  floats: (name: string) => Float64Array<ArrayBuffer>,
): WarmUpState {
  const named = (name: string) => floats(`${prefix}.${name}`);
  return {
    ...numbers,
    scales: { stepSize: named('stepSize'), variance: named('variance') },
    averaging: {
      count: averagingCount,
      centre: named('centre'),
      error: named('error'),
      meanLogStep: named('meanLogStep'),
    },
    moments: { count: momentsCount, mean: named('mean'), squares: named('squares') },
  };
}

function putHealth(
  { run, longestRun, ...numbers }: HealthSums,
  prefix: string,
  arrays: Arrays,
): { readonly [name: string]: Json } {
  arrays[`${prefix}.run`] = own(run);
  arrays[`${prefix}.longestRun`] = own(longestRun);
  return { ...numbers, ratio: { ...numbers.ratio } };
}

/** The type alone: every array of a chain lies in a buffer of its own kind. */
function own<Values extends Float64Array | Uint32Array | Int8Array>(values: Values): CheckpointArray {
  return values as unknown as CheckpointArray;
}
