// One job: load, first inference, warm-up, the timed loop, the evaluation. The order and the rules are those of the
// runner on devices (edgerig/ondevice/main.py); what the host does at each step is told by `exchange.py`.

import { batchOf, ns, now, once, overhead, steady, step, warm } from './clock.mjs';
import { pack, unpack } from './frames.mjs';

const MEMORY_WAIT_MS = 20000;
const POST_BYTES = 16 * 2 ** 20; // of outputs, after which they are handed over

// `base` is the address of the job, `modules` gives what to import a package or an engine's script by.
export async function run(base, modules) {
  const post = (name, body) => ask(`${base}/${name}`, { method: 'POST', body });
  try {
    const job = await (await ask(`${base}/job`)).json();
    const done = await measure(job, base, modules, post);
    await post('done', JSON.stringify(done));
  } catch (error) {
    const told = { type: error?.name ?? 'Error', message: String(error?.message ?? error).slice(0, 2000) };
    console.error(error?.stack ?? String(error));
    await post('failed', JSON.stringify(told));
  }
}

// A page that nobody sees is given little of the processor: its figures would be of that.
function mustBeSeen() {
  if (globalThis.document?.visibilityState === 'hidden') {
    throw new Error('the page is hidden: is the screen on and unlocked, and the browser in front?');
  }
}

async function measure(job, base, modules, post) {
  mustBeSeen();
  const stepMs = step();
  const [importMs, runtime] = await once(async () => {
    const engine = await import(modules.engine(job.script));
    return engine.start(job, modules);
  });
  await post('mark/runtime');
  const files = await load(base, job);
  const [loadMs, first] = await once(() => runtime.load(files, job));
  let model = first;
  await post('described', JSON.stringify(model.describe()));
  model.setInputs((await inputs(base, 0, 1))[0]);
  const [firstMs] = await once(() => model.invoke());
  for (let index = 0; index < job.warmup_runs; index += 1) await model.invoke();
  const memory = job.timing_only ? {} : await pageMemory();
  await post('mark/warm');
  await post('mark/begin');
  const call = () => model.invoke();
  const warmed = job.warmup_runs + await warm(call, Math.min(job.warm_seconds, job.max_seconds));
  const batch = await batchOf(call, stepMs);
  const samples = await steady(call, batch, job);
  mustBeSeen();
  await post('mark/end');
  const overheadMs = await overhead();
  if (!job.timing_only) {
    model.release();
    model = await evaluate(runtime, files, job, base, post);
  }
  const told = model.describe();
  model.release();
  return {
    import_ns: ns(importMs), load_ns: ns(loadMs), first_ns: ns(firstMs), step_ns: ns(stepMs),
    overhead_ns: ns(overheadMs), warmup_runs: warmed, batch, samples, ...memory, notes: told.notes ?? [],
    isolated: globalThis.crossOriginIsolated ?? null,
  };
}

// Every sample through the file loaded anew, and anew before each of `job.resets`.
async function evaluate(runtime, files, job, base, post) {
  const anew = new Set(job.resets);
  let model = await runtime.load(files, job);
  let outputs = [];
  let held = 0;
  const handOver = async () => {
    await post('outputs', pack(outputs));
    [outputs, held] = [[], 0];
  };
  for (let first = 0; first < job.samples; first += job.chunk) {
    const given = await inputs(base, first, Math.min(job.chunk, job.samples - first));
    for (const [index, sample] of given.entries()) {
      if (anew.has(first + index)) {
        model.release();
        model = await runtime.load(files, job);
      }
      model.setInputs(sample);
      await model.invoke();
      outputs.push(await model.outputs());
      held += outputs.at(-1).reduce((sum, { data }) => sum + data.byteLength, 0);
      if (held >= POST_BYTES) await handOver();
    }
  }
  await handOver();
  return model;
}

async function inputs(base, first, count) {
  const answer = await ask(`${base}/inputs?first=${first}&count=${count}`);
  return unpack(await answer.arrayBuffer());
}

// Name → bytes of the file and those beside it.
async function load(base, job) {
  const read = async (name) => new Uint8Array(await (await ask(`${base}/job-files/${name}`)).arrayBuffer());
  return {
    main: await read(job.artifact),
    beside: await Promise.all(job.beside.map(async (name) => ({ name, bytes: await read(name) }))),
  };
}

// What the page holds by the browser's own count; a browser may take its time for it, or have none.
async function pageMemory() {
  if (typeof document === 'undefined') return {};
  if (typeof performance.measureUserAgentSpecificMemory !== 'function') {
    const why = globalThis.crossOriginIsolated === false ? 'the page is not isolated' : 'there is no such function here';
    return { page_bytes: null, page_reason: why };
  }
  const late = new Promise((resume) => setTimeout(resume, MEMORY_WAIT_MS, null));
  try {
    const found = await Promise.race([performance.measureUserAgentSpecificMemory(), late]);
    return found ? { page_bytes: found.bytes, page_reason: '' }
      : { page_bytes: null, page_reason: `it did not answer within ${MEMORY_WAIT_MS / 1000} s` };
  } catch (error) {
    return { page_bytes: null, page_reason: String(error) };
  }
}

async function ask(address, options) {
  const answer = await fetch(address, options);
  if (!answer.ok) throw new Error(`${new URL(address).pathname.split('/').slice(2).join('/')}: ${await answer.text()}`);
  return answer;
}
