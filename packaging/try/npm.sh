#!/usr/bin/env bash
# The npm packages: packed, installed from the tarballs with nothing but Node, and run.
. "$(dirname "$0")/lib.sh"
need node nodejs
need npm npm
package
system=$(node -p 'process.platform + "-" + process.arch')
node packaging/npm/build.mjs 0.0.1 "$work/npm" "$system=build/mcpdiag"
cd "$work"
npm pack --silent "./npm/$system" ./npm/mcpdiag >/dev/null
mkdir user nodes
ln -s "$(command -v node)" "$(command -v npm)" "$(command -v npx)" nodes/
ln -s "$(command -v sh)" nodes/sh # npm runs commands with it
cd user
export PATH=$work/nodes:/nowhere

begin
show npm install --offline --no-audit --no-fund --silent ../mcpdiag-*-0.0.1.tgz ../mcpdiag-0.0.1.tgz
show npx --offline mcpdiag version
export PATH=$PATH:/usr/bin:/bin
diagnose ./node_modules/.bin/mcpdiag
finish npm
code=0
./node_modules/.bin/mcpdiag nope 2>/dev/null || code=$?
[ $code = 2 ] || { echo "the exit code is $code instead of 2" && exit 1; }
rm -r node_modules/@mcpdiag
code=0
said=$(./node_modules/.bin/mcpdiag version 2>&1) || code=$?
[[ $code = 1 && $said = *"@mcpdiag/$system is missing"* ]] || { echo "without its binary it says: $said" && exit 1; }
