// Starts a server of the Model Context Protocol as a host does, from the configuration that its documentation shows.

import { readFile } from 'node:fs/promises';
import process from 'node:process';

import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';

/** The one server of a snippet, its environment changed by `environment` and its arguments by `adapt`. */
export async function serve(snippet, environment, adapt = (args) => args) {
  const { mcpServers } = JSON.parse(await readFile(snippet, 'utf8'));
  const [{ command, args, env = {} }] = Object.values(mcpServers);
  // What npx would fetch is installed already.
  const inherited = { PATH: process.env.PATH, HOME: process.env.HOME, npm_config_offline: 'true' };
  const transport = new StdioClientTransport({
    command,
    args: adapt(args),
    env: { ...inherited, ...environment(env) },
    cwd: new URL('.', snippet).pathname,
    stderr: 'ignore',
  });
  const client = new Client({ name: 'orgpass-tests', version: '1' });
  await client.connect(transport);
  return {
    /** What a tool says; throws what it says if that is an error. */
    call: async (name, asked) => {
      const { content, isError } = await client.callTool({ name, arguments: asked });
      const text = content.map((part) => part.text).join('\n');
      if (isError) throw new Error(text);
      return text;
    },
    close: () => client.close(),
  };
}
