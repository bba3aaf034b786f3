// Which runtime opens which model file. A new runtime is one line here.

import { PipelineError } from '#schemas/errors.ts';
import type { ModelLoader } from '../../activities/ports.ts';

/** Loaded on demand: TensorFlow.js takes a second to import, and most runs do not need it. */
export async function modelLoader(file: string): Promise<ModelLoader> {
  if (file.endsWith('.onnx')) return (await import('./onnx.ts')).onnxModels;
  if (file.endsWith('.json')) return (await import('./tfjs.ts')).tfjsModels;
  throw new PipelineError({
    kind: 'config-invalid',
    where: 'model.file',
    what: 'a model is an .onnx file or the model.json of a TensorFlow.js model',
    value: file,
  });
}
