// The model's own answer: its logits, or, where classes are very many, the argmax and its probability made in the graph,
// because reading a vocabulary's logits costs more than the rest of a small model.

import type { Tensor } from 'onnxruntime-node';
import type { PackingKernel } from '../../../activities/polytope/packing-kernel.ts';
import type { GraphPatch } from './graph-patch.ts';
import { LOGITS_LIMIT, type ProbedModel } from './probe.ts';
import type { GraphOutput } from './runtime.ts';
import { type SessionMemory, tensorAt } from './session-memory.ts';
import { ELEMENT } from './tensors.ts';

/** Names under which the answer is read. */
export type Answer =
  | { readonly kind: 'logits'; readonly logits: string; readonly classes: number }
  | { readonly kind: 'argmax'; readonly argmax: string; readonly probability: string };

/** Adds what is needed to read the answer; null where the model has no logits. */
export function addAnswer(
  patch: GraphPatch,
  logits: ProbedModel['logits'],
  { rows, taken }: { rows: number; taken: ReadonlySet<string> },
): Answer | null {
  if (logits === null) return null;
  const { name, classes } = logits;
  if (classes <= LOGITS_LIMIT) {
    // A tensor can be tap and logits at once; fetches are keyed by name, so the logits then need their own.
    return { kind: 'logits', logits: taken.has(name) ? patch.add('Identity', [name]) : name, classes };
  }
  const flat = patch.reshape(name, [rows, classes]);
  const argmax = patch.add('ArgMax', [flat], { axis: 1, keepdims: 0 });
  const softmax = patch.add('Softmax', [flat], { axis: 1 });
  // ReduceMax takes its axes differently in different opsets; a global max-pool means the same in all.
  const probability = patch.add('GlobalMaxPool', [patch.reshape(softmax, [rows, 1, classes])]);
  return { kind: 'argmax', argmax, probability };
}

/** Graph outputs of the answer. */
export function answerOutputs(answer: Answer | null): GraphOutput[] {
  if (answer === null) return [];
  if (answer.kind === 'logits') return [{ name: answer.logits, elemType: ELEMENT.float }];
  return [
    { name: answer.argmax, elemType: ELEMENT.int64 },
    { name: answer.probability, elemType: ELEMENT.float },
  ];
}

/** Where one run of a batch writes the answer. */
export function answerFetches(
  answer: Answer,
  {
    kernel,
    memory,
    rows,
    run,
    lead,
  }: { kernel: PackingKernel; memory: SessionMemory; rows: number; run: number; lead: readonly number[] },
): Record<string, Tensor> {
  if (answer.kind === 'logits') {
    const offset = memory.logits + 4 * run * rows * answer.classes;
    return { [answer.logits]: tensorAt(kernel, 'float32', offset, [...lead, answer.classes]) };
  }
  return {
    [answer.argmax]: tensorAt(kernel, 'int64', memory.argmax + 8 * run * rows, [rows]),
    [answer.probability]: tensorAt(kernel, 'float32', memory.probability + 4 * run * rows, [rows, 1, 1]),
  };
}
