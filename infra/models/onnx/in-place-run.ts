// Runs whose outputs all have tensors of the caller, which ONNX Runtime writes into. onnxruntime-node (1.30)
// then still copies each into a fresh array for its answer: a fifth of a conv net's encoding, and garbage at
// a gigabyte a second. It makes these arrays in the order of the outputs, so a first output that it cannot
// hand to JavaScript, an empty sequence, ends the call after the run and before the first copy.

import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { GraphPatch } from './graph-patch.ts';
import { type ModelProto, int } from './proto.ts';

/** The opset that brought sequences; nets of older ones pay for the copies. */
const SEQUENCE_OPSET = 11;
const NOT_HANDED_OVER = /^Non tensor type/;

/** What a run is to fetch: tensors to write into, and null for the output that ends the call. */
export type Fetches = Readonly<Record<string, Tensor | null>>;

/** Adds the output that ends the call, and returns its name; it has to be the session's first. */
export function addEndOfRun(patch: GraphPatch, { opsetImport }: ModelProto): string | null {
  const opset = opsetImport.find(({ domain = '' }) => domain === '' || domain === 'ai.onnx');
  return int(opset?.version) < SEQUENCE_OPSET ? null : patch.add('SequenceEmpty', []);
}

/** Runs a session into `fetches`; the runtime's own faults are thrown on. */
export async function runInPlace(
  session: InferenceSession,
  feeds: Readonly<Record<string, Tensor>>,
  fetches: Fetches,
): Promise<void> {
  try {
    await session.run(feeds, fetches);
  } catch (error) {
    if (!(error instanceof Error && NOT_HANDED_OVER.test(error.message))) throw error;
  }
}
