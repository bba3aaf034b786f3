// A graph from one of its tensors on: the tensor becomes its input, and what it was made of is left out.

import { PipelineError } from '#schemas/errors.ts';
import { indexGraph, nodeInputs, pruneGraph } from './graph.ts';
import type { GraphProto } from './proto.ts';
import { ELEMENT } from './tensors.ts';

/**
 * Cuts in place.
 * @param options.dims - of one sample of the tensor.
 * @throws PipelineError `config-invalid` where no node makes it, or where something behind it needs what lies before.
 */
export function cutGraph(
  graph: GraphProto,
  tensor: string,
  { dims, file }: { readonly dims: readonly number[]; readonly file: string },
): void {
  const maker = indexGraph(graph).producerOf(tensor);
  if (maker === undefined) throw unfit(file, 'no node of the model makes this tensor', tensor);
  graph.node = graph.node.filter((node) => node !== maker);
  pruneGraph(
    graph,
    graph.output.map(({ name }) => name),
  );
  const there = new Set([
    tensor,
    '',
    ...graph.initializer.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ]);
  const missing = graph.node.flatMap((node) => nodeInputs(node)).find((name) => !there.has(name));
  if (missing !== undefined) throw unfit(file, `a way around ${tensor} leads to what follows it`, missing);
  const dim = [{ dimParam: 'batch' }, ...dims.map((dimValue) => ({ dimValue }))];
  graph.input = [{ name: tensor, type: { tensorType: { elemType: ELEMENT.float, shape: { dim } } } }];
}

function unfit(where: string, what: string, value: string): PipelineError {
  const remedy = 'Give a pre-activation that all of the rest depends on; tessera inspect names them.';
  return new PipelineError({ kind: 'config-invalid', where, what, value, remedy });
}
