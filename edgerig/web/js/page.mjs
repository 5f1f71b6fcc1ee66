// What the page runs; the driver waits for `finished`.

import { run } from './runner.mjs';

const base = location.href.slice(0, location.href.lastIndexOf('/'));
const found = JSON.parse(document.getElementById('packages').textContent);
const modules = {
  engine: (script) => new URL(`engines/${script}`, import.meta.url).href,
  main: (name) => `${base}/packages/${name}/${found[name]}`,
  folder: (name) => `${base}/packages/${name}/`,
};
globalThis.finished = run(base, modules);
