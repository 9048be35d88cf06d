// Makes the npm packages: mcpdiag, which starts the binary, and one package for
// each system with the binary inside. npm installs only that of its system.
//
// Usage: node build.mjs VERSION FOLDER SYSTEM=BINARY…, such as linux-x64=bin/mcpdiag
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const [version, folder, ...binaries] = process.argv.slice(2);
const common = {
  version,
  description: 'Diagnose MCP servers: memory leaks, hanging and slow calls, faults',
  license: 'MIT',
  repository: { type: 'git', url: 'git+https://github.com/mcpdiag/mcpdiag.git' },
  homepage: 'https://github.com/mcpdiag/mcpdiag',
};
const optionalDependencies = {};

for (const given of binaries) {
  const [system, binary] = given.split('=');
  const [os, cpu] = system.split('-');
  const program = os === 'win32' ? 'mcpdiag.exe' : 'mcpdiag';
  const dir = join(folder, system);
  mkdirSync(join(dir, 'bin'), { recursive: true });
  copyFileSync(binary, join(dir, 'bin', program));
  chmodSync(join(dir, 'bin', program), 0o755);
  copyFileSync(join(here, '../../LICENSE'), join(dir, 'LICENSE'));
  write(dir, { name: `@mcpdiag/${system}`, ...common, description: `mcpdiag for ${system}; install mcpdiag instead`, os: [os], cpu: [cpu], files: ['bin'] });
  optionalDependencies[`@mcpdiag/${system}`] = version;
}

const main = join(folder, 'mcpdiag');
mkdirSync(join(main, 'bin'), { recursive: true });
copyFileSync(join(here, 'mcpdiag.js'), join(main, 'bin', 'mcpdiag.js'));
copyFileSync(join(here, '../../LICENSE'), join(main, 'LICENSE'));
copyFileSync(join(here, 'README.md'), join(main, 'README.md'));
write(main, { name: 'mcpdiag', ...common, keywords: ['mcp', 'memory-leak', 'load-test', 'diagnostics'], bin: { mcpdiag: 'bin/mcpdiag.js' }, files: ['bin'], engines: { node: '>=18' }, optionalDependencies });

function write(dir, manifest) {
  writeFileSync(join(dir, 'package.json'), JSON.stringify(manifest, null, 2) + '\n');
}
