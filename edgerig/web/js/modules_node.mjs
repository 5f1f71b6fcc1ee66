// What an engine's script asks for, in node. `folder` has the packages, `found` says what to import of each.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

// What a script of the older kind (UMD) offers. It asks for node's own modules, and for those in `given`.
function classic(file, given = {}) {
  const own = createRequire(file);
  const module = { exports: {} };
  const script = new Function('require', 'module', 'exports', '__dirname', '__filename', readFileSync(file, 'utf8'));
  script.call(globalThis, (wanted) => given[wanted] ?? own(wanted), module, module.exports, dirname(file), file);
  return module.exports;
}

export const modulesOf = (folder, found) => ({
  engine: (script) => new URL(`engines/${script}`, import.meta.url).href,
  main: (name) => pathToFileURL(`${folder}/${name}/${found[name]}`).href,
  folder: (name) => pathToFileURL(`${folder}/${name}/`).href,
  path: (name) => `${folder}/${name}/`,
  threads: false,
  run: (name, _, given) => classic(`${folder}/${name}/${found[name]}`, given),
  // For a package that has a script of its own loaded, which leaves what it offers in the global `name`: as in a worker
  // of a page, whose `self` and `importScripts` node lacks. Only then, for packages tell by these where they are.
  asWorker: (name) => {
    globalThis.self ??= globalThis;
    globalThis.importScripts = (file) => { globalThis[name] = classic(file); };
  },
});
