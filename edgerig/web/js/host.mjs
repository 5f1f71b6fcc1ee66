// A file opened in node for a build's check, nothing timed: `node host.mjs MODULES PACKAGES JOB`, the job as `node_engine.py`
// writes it. On standard input a frame of one sample, on standard output a frame of its outputs, each behind its length
// (uint32, little-endian); first of all, what the file is, as JSON.

import { readFileSync, writeSync } from 'node:fs';

import { pack, unpack } from './frames.mjs';
import { modulesOf } from './modules_node.mjs';

const [folder, packages, path] = process.argv.slice(2);
const modules = modulesOf(folder, JSON.parse(packages));
const job = JSON.parse(readFileSync(path, 'utf8'));

function answer(bytes) {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  for (const part of [length, bytes]) {
    for (let place = 0; place < part.length;) place += writeSync(1, part, place);
  }
}

const read = (name) => new Uint8Array(readFileSync(`${job.folder}/${name}`));
console.log = console.error; // a runtime's words are none of the answers
const engine = await import(modules.engine(job.script));
const runtime = await engine.start(job, modules);
const beside = job.beside.map((name) => ({ name, bytes: read(name) }));
const model = await runtime.load({ main: read(job.artifact), beside }, job);
answer(new TextEncoder().encode(JSON.stringify(model.describe())));
let kept = Buffer.alloc(0);
for await (const piece of process.stdin) {
  kept = Buffer.concat([kept, piece]);
  while (kept.length >= 4 && kept.length >= 4 + kept.readUInt32LE(0)) {
    const size = kept.readUInt32LE(0);
    const body = new Uint8Array(kept.subarray(4, 4 + size)).buffer;
    kept = kept.subarray(4 + size);
    model.setInputs(unpack(body)[0]);
    await model.invoke();
    answer(pack([await model.outputs()]));
  }
}
process.exit(0);
