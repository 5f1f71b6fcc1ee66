// A job in node: `node node.mjs MODULES PACKAGES`, the last a JSON object of package → what to import of it, with the
// job's address in the environment.

import { modulesOf } from './modules_node.mjs';
import { run } from './runner.mjs';

const [folder, packages] = process.argv.slice(2);
await run(process.env.EDGERIG_ADDRESS, modulesOf(folder, JSON.parse(packages)));
process.exit(0); // threads of a runtime would keep it
