#!/usr/bin/env bash
# The container image as its root file system, since no container engine is
# needed for that: the files that the Dockerfile copies, run by its user in a chroot.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || skip 'a chroot needs root'
package
mkdir -p "$work/context/linux/any" "$work/image"
cp build/mcpdiag "$work/context/linux/any/"
mkdir "$work/context/build" && cp build/ca-certificates.crt "$work/context/build/"
while read -r verb from to; do
  case $verb in
    FROM) [ "$from" = scratch ] || { echo "the image begins with $from" && exit 1; } ;;
    COPY) install -D "$work/context/${from/\$TARGETPLATFORM/linux/any}" "$work/image$to" ;;
    USER) user=$from ;;
    WORKDIR) mkdir "$work/image$from" ;;
  esac
done <packaging/Dockerfile
chmod 755 "$work" "$work/image"
begin
(cd "$work/image" && find . -type f | sed 's/^\.//')
diagnose chroot --userspec="$user" "$work/image" /mcpdiag
finish image
