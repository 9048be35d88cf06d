#!/usr/bin/env node
// Starts the binary of this system, which npm installed beside this package. It
// downloads nothing.
'use strict';
const { spawn } = require('node:child_process');
const { constants } = require('node:os');

const name = `@mcpdiag/${process.platform}-${process.arch}`;
let binary;
try {
  binary = require.resolve(`${name}/bin/mcpdiag${process.platform === 'win32' ? '.exe' : ''}`);
} catch {
  console.error(`mcpdiag: the package ${name} is missing. Either there is none for this system, or npm was told to omit optional dependencies: install again without --omit=optional.`);
  process.exit(1);
}

const child = spawn(binary, process.argv.slice(2), { stdio: 'inherit' });
// A terminal sends its signals to the child itself, too: there they are only to be outlived.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (err) => {
  console.error(`mcpdiag: starting ${binary}: ${err.message}`);
  process.exit(1);
});
child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
