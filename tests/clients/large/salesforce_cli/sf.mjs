// Runs the Salesforce CLI, kept from telling and asking anybody else.

import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const programs = fileURLToPath(new URL('../node_modules/.bin', import.meta.url));
const own = join(process.env.HOME, 'bin');

// The CLI starts the node that it finds.
await mkdir(own, { recursive: true });
await symlink(process.execPath, join(own, 'node'));

export const environment = {
  ...process.env,
  PATH: [own, programs, process.env.PATH].join(':'),
  SF_DISABLE_TELEMETRY: 'true',
  SF_AUTOUPDATE_DISABLE: 'true',
  SF_SKIP_NEW_VERSION_CHECK: 'true',
  // This machine has no key chain.
  SF_USE_GENERIC_UNIX_KEYCHAIN: 'true',
};

/** What a program prints; throws with all of it if it fails. */
export async function program(name, asked, more = {}) {
  try {
    return (await run(name, asked, { env: { ...environment, ...more } })).stdout;
  } catch (error) {
    throw new Error(`${error.stdout} ${error.stderr}`);
  }
}

/** The result of a command of the CLI. */
export async function sf(command, ...more) {
  return JSON.parse(await program('sf', [...command.split(' '), ...more, '--json'])).result;
}

/** Logs in as the snippet does, under this alias. */
export const login = (alias, token) => program(
  'sf',
  ['org', 'login', 'access-token', '--instance-url', process.env.ORGPASS_URL, '--no-prompt', '--alias', alias],
  { SF_ACCESS_TOKEN: token },
);
