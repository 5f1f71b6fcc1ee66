// The same in node: `node node.mjs MODULES PACKAGES`, the last a JSON object of package → what to import of it, with the
// job's address in the environment.

import { pathToFileURL } from 'node:url';

import { run } from './runner.mjs';

const base = process.env.EDGERIG_ADDRESS;
const [folder, packages] = process.argv.slice(2);
const found = JSON.parse(packages);
const modules = {
  engine: (script) => new URL(`engines/${script}`, import.meta.url).href,
  main: (name) => pathToFileURL(`${folder}/${name}/${found[name]}`).href,
  folder: (name) => pathToFileURL(`${folder}/${name}/`).href,
};
await run(base, modules);
process.exit(0); // threads of a runtime would keep it
