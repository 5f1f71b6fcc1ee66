// ONNX Runtime Web on WebAssembly. `run` copies inputs into the runtime's memory and outputs out of it: its interface
// offers no other way on this backend.

import { KINDS } from '../frames.mjs';

// The runtime's own names where they are not ours.
const ORT = { float16: 'float16' };

// A file of one Identity (ONNX IR 8, operator set 13: float32 x (1) → y (1)), by which the runtime is started.
const LEAST = 'CAgSADo3ChAKAXgSAXkiCElkZW50aXR5EgFnWg8KAXgSCgoICAESBAoCCAFiDwoBeRIKCggIARIECgIIAUIECgAQDQ==';

// The runtime's own start, which fetches and compiles its WebAssembly, is within its first session otherwise.
export async function start(job, modules) {
  const ort = await import(modules.main('onnxruntime-web'));
  ort.env.wasm.numThreads = job.threads;
  ort.env.wasm.wasmPaths = `${modules.folder('onnxruntime-web')}dist/`;
  ort.env.logLevel = 'error';
  const least = Uint8Array.from(atob(LEAST), (letter) => letter.charCodeAt(0));
  await (await ort.InferenceSession.create(least, { executionProviders: ['wasm'] })).release();
  return { load: (files, asked) => load(ort, files, asked) };
}

async function load(ort, { main, beside }, job) {
  const session = await ort.InferenceSession.create(main, {
    executionProviders: ['wasm'],
    graphOptimizationLevel: job.options.graph_optimization_level ?? 'all',
    externalData: beside.map(({ name, bytes }) => ({ path: name, data: bytes })),
  });
  const tensors = (metadata) => metadata.map(({ name, type, shape, isTensor }) => {
    if (!isTensor || !(type in KINDS)) throw new Error(`tensor "${name}": ${type ?? 'no tensor'} is not supported`);
    return { name, dtype: type, shape: [...shape] };
  });
  let feeds = {};
  let found = {};
  return {
    describe: () => ({
      inputs: tensors(session.inputMetadata),
      outputs: tensors(session.outputMetadata),
      runtime: 'ONNX Runtime Web',
      version: ort.env.versions.web ?? ort.env.versions.common,
      threads: ort.env.wasm.numThreads,
      delegation_reason: 'its WebAssembly backend runs every operator itself: nothing is delegated',
      notes: ['a call of the runtime copies inputs into its memory and outputs out of it'],
    }),
    setInputs: (arrays) => {
      feeds = Object.fromEntries(session.inputNames.map((name, index) => {
        const { dtype, shape, data } = arrays[index];
        return [name, new ort.Tensor(ORT[dtype] ?? dtype, data, shape)];
      }));
    },
    invoke: async () => { found = await session.run(feeds); },
    outputs: () => session.outputNames.map((name) => {
      const { type, dims, data } = found[name];
      return { dtype: type, shape: [...dims], data };
    }),
    release: () => session.release(),
  };
}
