// Loads each of the node peers, and says which versions are listed.
import { createRequire } from 'node:module';

const { dependencies } = createRequire(import.meta.url)('./package.json');
for (const [name, version] of Object.entries(dependencies)) {
  await import(name);
  console.log(`${name} ${version}`);
}
