// LiteRT.js on WebAssembly, with XNNPACK. Tensors lie in the runtime's own memory: inputs are copied there before the
// timer runs. Each inference allocates its outputs; those of the one before are given back first.

import { KINDS } from '../frames.mjs';

const UNTOLD = 'LiteRT.js cannot tell its thread count: the one asked for is given';
// Seen with node 22: "require is not defined in ES module scope", for its package says that its scripts are modules.
const ONE = 'LiteRT.js cannot tell its thread count: in node it has one, for node loads no script of others';

// The dtypes its tensors are made of from arrays of JavaScript: what else a file has is refused by name.
export async function start(job, modules) {
  const litert = await import(modules.main('@litertjs/core'));
  const inNode = modules.asWorker !== undefined;
  if (inNode) modules.asWorker('ModuleFactory');
  const threads = inNode ? 1 : job.threads;
  await litert.loadLiteRt(`${modules.path('@litertjs/core')}wasm/`, { threads: threads > 1 });
  return { load: (files, asked) => load(litert, files, asked, threads, inNode ? ONE : UNTOLD) };
}

async function load(litert, { main }, job, threads, note) {
  const model = await litert.loadAndCompile(main, { accelerator: 'wasm', cpuOptions: { numThreads: threads } });
  const entry = job.entry;
  const runner = (entry.key && model.signatures[entry.key]) || model;
  const inputs = ordered(runner.getInputDetails(), entry.inputs, 'input');
  const outputs = ordered(runner.getOutputDetails(), entry.outputs, 'output');
  let given = {};
  let found = {};
  const free = (tensors) => Object.values(tensors).forEach((tensor) => tensor.delete());
  return {
    describe: () => ({
      inputs: inputs.map(({ told }) => told),
      outputs: outputs.map(({ told }) => told),
      runtime: 'LiteRT.js',
      version: job.version,
      threads,
      signature: entry.key,
      delegation_reason: 'LiteRT.js does not tell which operators XNNPACK takes',
      notes: [note],
    }),
    setInputs: (arrays) => {
      free(given);
      given = Object.fromEntries(inputs.map(({ name }, index) => {
        const { data, shape } = arrays[index];
        return [name, new litert.Tensor(data, shape)];
      }));
    },
    invoke: async () => {
      const last = found;
      found = await runner.run(given);
      free(last);
    },
    outputs: () => outputs.map(({ name, told }) => {
      const data = found[name].toTypedArray().slice();
      return { dtype: told.dtype, shape: [...found[name].type.layout.dimensions], data };
    }),
    release: () => {
      free(given);
      free(found);
      [given, found] = [{}, {}];
      model.delete();
    },
  };
}

// The runtime's tensors in the file's order: `name` is its own, `told` is what the host is told.
function ordered(details, known, what) {
  return known.map(({ name, names, scale, zero_point }) => {
    const found = details.find((each) => names.includes(each.name));
    if (!found) throw new Error(`the runtime has no ${what} ${names.join(' or ')}, but ${details.map((d) => d.name)}`);
    if (!(found.dtype in KINDS)) throw new Error(`${what} "${name}": ${found.dtype} is not supported`);
    return { name: found.name, told: { name, dtype: found.dtype, shape: [...found.shape], scale, zero_point } };
  });
}
