// What an engine's script asks for, in node. `folder` has the packages, `found` says what to import of each.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';

export const modulesOf = (folder, found) => ({
  engine: (script) => new URL(`engines/${script}`, import.meta.url).href,
  main: (name) => pathToFileURL(`${folder}/${name}/${found[name]}`).href,
  folder: (name) => pathToFileURL(`${folder}/${name}/`).href,
  path: (name) => `${folder}/${name}/`,
  threads: false,
  // A script of the older kind (UMD): what it offers. It asks for node's own modules, and for those in `given`.
  run: (name, _, given = {}) => {
    const file = `${folder}/${name}/${found[name]}`;
    const own = createRequire(file);
    const module = { exports: {} };
    const script = new Function('require', 'module', 'exports', '__dirname', '__filename', readFileSync(file, 'utf8'));
    script.call(globalThis, (wanted) => given[wanted] ?? own(wanted), module, module.exports, dirname(file), file);
    return module.exports;
  },
});
