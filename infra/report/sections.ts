// Which sections a report has for each kind of run, in order. A new one is a file in sections/ and a row here.

import type { RunManifest } from '#schemas/messages.ts';
import type { ReportRun } from './report-run.ts';
import type { Section } from './section.ts';
import { chainDensities } from './sections/chain-densities.ts';
import { diagnostics, traces } from './sections/chain-diagnostics.ts';
import { claims } from './sections/claims.ts';
import { clusters, clusterTable } from './sections/clusters.ts';
import { densities } from './sections/densities.ts';
import { interpolation } from './sections/interpolation.ts';
import { plainTables } from './sections/plain-tables.ts';
import { scaling } from './sections/scaling.ts';
import { slices } from './sections/slices.ts';
import { inpainting } from './sections/inpainting.ts';
import { modelTraining, vaeLikelihood } from './sections/vae-likelihood.ts';
import { vaeSamples } from './sections/vae-samples.ts';
import { kernels } from './sections/kernels.ts';
import { modes } from './sections/modes.ts';
import { levelMass } from './sections/level-mass.ts';
import { regionMass } from './sections/region-mass.ts';
import { training } from './sections/training.ts';
import { overview } from './sections/overview.ts';
import { sweepLayers } from './sections/sweep-layers.ts';
import { regionSizes } from './sections/region-sizes.ts';
import { unitRates } from './sections/unit-rates.ts';
import { regionGallery } from './sections/region-gallery.ts';
import { regionExplorer } from './sections/region-explorer.ts';

const SECTIONS: Readonly<Record<RunManifest['kind'], readonly Section[]>> = {
  sweep: [overview, sweepLayers, regionSizes, unitRates, regionGallery, regionExplorer],
  lens: [overview, slices, claims, densities, interpolation, clusters, clusterTable, scaling, plainTables],
  metflow: [overview, diagnostics, modes, levelMass, chainDensities, traces, kernels, training, regionMass],
};

/** Of runs about images, whose tables are others. */
const IMAGE_SECTIONS: readonly Section[] = [overview, vaeLikelihood, vaeSamples, inpainting, modelTraining];

/** Runs that share their sections. */
export interface RunGroup {
  readonly id: string;
  readonly title: string;
  readonly runs: readonly ReportRun[];
  readonly sections: readonly Section[];
}

/** Runs by kind, and lens runs by experiment, in the order in which they first come. */
export function groupRuns(runs: readonly ReportRun[]): readonly RunGroup[] {
  const groups = new Map<string, ReportRun[]>();
  for (const run of runs) {
    const id = groupOf(run.manifest);
    groups.set(id, [...(groups.get(id) ?? []), run]);
  }
  return [...groups].map(([id, members]) => ({
    id,
    title: titleOf(members[0]!.manifest),
    runs: members,
    sections: isAboutImages(members[0]!.manifest) ? IMAGE_SECTIONS : SECTIONS[members[0]!.manifest.kind],
  }));
}

function isAboutImages({ config }: RunManifest): boolean {
  return config.kind === 'metflow' && 'experiment' in config;
}

function groupOf({ config }: RunManifest): string {
  return 'experiment' in config ? `${config.kind}-${config.experiment.replaceAll('_', '-')}` : config.kind;
}

function titleOf({ config }: RunManifest): string {
  if (config.kind === 'lens') return `Experiment: ${config.experiment.replaceAll('_', ' ')}`;
  if ('experiment' in config) return config.experiment === 'vae' ? 'Autoencoders' : 'In-painting';
  return config.kind === 'sweep' ? 'Sweeps' : 'Chains';
}
