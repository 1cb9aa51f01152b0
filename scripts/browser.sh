#!/bin/bash
# The browser that pages are tested in, from apt where we may. Without it those tests are skipped, and say so.
set -eu
for program in chromium chromium-browser google-chrome; do
  command -v "$program" >/dev/null && exit 0
done
packages=(chromium fonts-dejavu-core)
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${packages[*]} with apt-get" >&2
  (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${packages[@]}") >/dev/null && exit 0
fi
echo "no chromium: tests of pages are skipped. As root on Debian: apt-get install ${packages[*]}." >&2
