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
  // A script that keeps what it offers in a global: it asks for node's own modules as one of node's would.
  run: (name) => {
    const file = `${folder}/${name}/${found[name]}`;
    const script = new Function('require', '__dirname', '__filename', readFileSync(file, 'utf8'));
    script.call(globalThis, createRequire(file), dirname(file), file);
  },
});
