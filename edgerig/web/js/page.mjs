// What the page runs; the driver waits for `finished`.

import { run } from './runner.mjs';

const base = location.href.slice(0, location.href.lastIndexOf('/'));
const found = JSON.parse(document.getElementById('packages').textContent);
const folder = (name) => `${base}/packages/${name}/`;
globalThis.finished = run(base, {
  engine: (script) => new URL(`engines/${script}`, import.meta.url).href,
  main: (name) => folder(name) + found[name],
  folder,
  path: folder,
  threads: globalThis.crossOriginIsolated,
  // A script of the older kind (UMD): what it offers, which it keeps in a global.
  run: (name, global) => new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = folder(name) + found[name];
    script.onload = () => resolve(global.split('.').reduce((held, part) => held[part], globalThis));
    script.onerror = () => reject(new Error(`${name} does not load`));
    document.head.append(script);
  }),
});
