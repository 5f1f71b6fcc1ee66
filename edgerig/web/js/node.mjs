// A job in node: `node node.mjs ADDRESS MODULES PACKAGES`, the last a JSON object of package → what to import of it.

import { modulesOf } from './modules_node.mjs';
import { run } from './runner.mjs';

const [base, folder, packages] = process.argv.slice(2);
await run(base, modulesOf(folder, JSON.parse(packages)));
process.exit(0); // threads of a runtime would keep it
