// One flow after the other; the inverse runs backwards.

import { PipelineError } from '#schemas/errors.ts';
import { add, type JaxArray } from '../../numeric/array-math.ts';
import { prefixed, underPrefix, type Parameters } from '../parameters.ts';
import type { Bijection, Mapped } from './bijection.ts';

/** @throws PipelineError `config-invalid` for no flows, or flows of different dimensions. */
export function compose(flows: readonly Bijection[]): Bijection {
  const dim = flows[0]?.dim ?? 0;
  if (flows.length === 0 || flows.some((flow) => flow.dim !== dim)) {
    throw new PipelineError({
      kind: 'config-invalid',
      what: 'a composition has flows, all of one dimension',
      value: JSON.stringify(flows.map((flow) => flow.dim)),
    });
  }
  const places = Array.from(flows.keys());
  const run = (direction: 'forward' | 'inverse', order: readonly number[]) => {
    return (parameters: Parameters, z: JaxArray, u: JaxArray | null): Mapped => {
      let logDet: JaxArray | null = null;
      for (const place of order) {
        const flow = flows[place]!;
        const own = underPrefix(parameters, String(place));
        const mapped = flow[direction](own, z, flow.usesInnovation ? u : null);
        z = mapped.z;
        logDet = logDet === null ? mapped.logDet : add(logDet, mapped.logDet);
      }
      return { z, logDet: logDet! };
    };
  };
  return {
    dim,
    usesInnovation: flows.some(({ usesInnovation }) => usesInnovation),
    parameters: flows.flatMap((flow, place) => prefixed(String(place), flow.parameters)),
    forward: run('forward', places),
    inverse: run('inverse', places.toReversed()),
  };
}
