// TensorFlow.js on its WebAssembly backend: a graph model, as its own converter writes it. Tensors are made before the timer
// runs; those of the inference before are given back in it. What a graph computes is read outside of the timer.

import { KINDS } from '../frames.mjs';

const DTYPES = { DT_FLOAT: 'float32', DT_INT32: 'int32', DT_BOOL: 'bool' };

export async function start(job, modules) {
  const tf = await modules.run('@tensorflow/tfjs', 'tf');
  const wasm = await modules.run('@tensorflow/tfjs-backend-wasm', 'tf.wasm', { '@tensorflow/tfjs-core': tf });
  wasm.setWasmPaths(`${modules.path('@tensorflow/tfjs-backend-wasm')}dist/`);
  if (modules.threads) wasm.setThreadsCount(job.threads);
  if (!(await tf.setBackend('wasm'))) throw new Error('its WebAssembly backend does not start here');
  await tf.ready();
  return { load: (files, asked) => load(tf, files, asked, modules.threads ? wasm.getThreadsCount : null) };
}

async function load(tf, { main, beside }, job, threads) {
  const told = JSON.parse(new TextDecoder().decode(main));
  const shards = told.weightsManifest.flatMap(({ paths }) => paths).map((path) => beside.find(({ name }) => name === path));
  const weights = new Uint8Array(shards.reduce((sum, { bytes }) => sum + bytes.length, 0));
  shards.reduce((place, { bytes }) => { weights.set(bytes, place); return place + bytes.length; }, 0);
  const model = await tf.loadGraphModel(tf.io.fromMemory({
    format: told.format,
    modelTopology: told.modelTopology,
    signature: told.signature,
    weightSpecs: told.weightsManifest.flatMap((group) => group.weights),
    weightData: weights.buffer,
  }));
  const inputs = tensors(told.signature.inputs);
  const outputs = tensors(told.signature.outputs);
  const names = outputs.map(({ tensor }) => tensor);
  let given = {};
  let found = [];
  const free = (kept) => kept.forEach((tensor) => tensor.dispose());
  return {
    describe: () => ({
      inputs: inputs.map(({ told: tensor }) => tensor),
      outputs: outputs.map(({ told: tensor }) => tensor),
      runtime: 'TensorFlow.js',
      version: tf.version.tfjs ?? job.version,
      threads: threads ? threads() : 1,
      delegation_reason: 'its WebAssembly backend runs every operator itself: nothing is delegated',
      notes: threads ? [] : ['its WebAssembly backend has one thread in node'],
    }),
    setInputs: (arrays) => {
      free(Object.values(given));
      given = Object.fromEntries(inputs.map(({ tensor, told: { dtype } }, index) => {
        const { data, shape } = arrays[index];
        return [tensor, tf.tensor(data, shape, dtype)];
      }));
    },
    invoke: () => {
      free(found);
      found = [];
      found = [model.execute(given, names)].flat();
    },
    outputs: () => found.map((tensor, index) => {
      const { dtype } = outputs[index].told;
      return { dtype, shape: tensor.shape, data: KINDS[dtype].from(tensor.dataSync()) };
    }),
    release: () => {
      free(Object.values(given));
      free(found);
      [given, found] = [{}, []];
      model.dispose();
    },
  };
}

// In the model's order: edgerig calls them input_0, input_1, …; `tensor` is what the graph calls it.
function tensors(signature) {
  const order = (name) => Number(name.slice(name.lastIndexOf('_') + 1));
  return Object.entries(signature).sort(([one], [other]) => order(one) - order(other)).map(([name, info]) => {
    if (!(info.dtype in DTYPES)) throw new Error(`tensor "${name}": TensorFlow.js has no ${info.dtype}`);
    const shape = (info.tensorShape.dim ?? []).map(({ size }) => Number(size));
    return { tensor: info.name, told: { name, dtype: DTYPES[info.dtype], shape } };
  });
}
