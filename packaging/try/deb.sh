#!/usr/bin/env bash
# The Debian package in a clean Debian root with nothing else: built by nfpm,
# installed, run and removed.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip 'a chroot needs root'
need mmdebstrap "Debian's mmdebstrap"
need dpkg
package
clean=$work/root
. /etc/os-release
sources=/etc/apt/sources.list.d/debian.sources
[ -s $sources ] || sources=/etc/apt/sources.list
mmdebstrap --quiet --variant=essential --dpkgopt=path-exclude=/usr/share/doc/* "$VERSION_CODENAME" "$clean" "$sources" ||
  skip 'a clean Debian root cannot be made here'

ARCH=$(dpkg --print-architecture) VERSION=0.0.1 go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2 package -f packaging/nfpm.yaml -p deb -t "$clean/mcpdiag.deb"
begin # the package is there: now the user begins
show chroot "$clean" dpkg -i /mcpdiag.deb
show chroot "$clean" mcpdiag version
diagnose chroot "$clean" mcpdiag
finish deb
for file in usr/share/man/man1/mcpdiag-leaktest.1.gz usr/share/bash-completion/completions/mcpdiag usr/share/zsh/vendor-completions/_mcpdiag; do
  [ -s "$clean/$file" ] || { echo "$file is not in the package" && exit 1; }
done
{ kill "${pids[0]}" && wait "${pids[0]}"; } 2>/dev/null || true
show chroot "$clean" dpkg -r mcpdiag
[ -z "$(find "$clean/usr" -name '*mcpdiag*')" ] || { echo 'the package left files behind' && exit 1; }
