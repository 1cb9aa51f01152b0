#!/bin/bash
# The servers that the demo and the tests run against. Nothing else is installed outside the checkout.
set -eu
missing=()
command -v prometheus >/dev/null && command -v promtool >/dev/null || missing+=(prometheus)
{ command -v prometheus-alertmanager >/dev/null || command -v alertmanager >/dev/null; } && command -v amtool >/dev/null \
  || missing+=(prometheus-alertmanager)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]} with apt-get" >&2
  # RUNLEVEL=1 keeps the packages from starting services of their own.
  (apt-get update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}") >/dev/null
else
  echo "missing: ${missing[*]}. As root on Debian or Ubuntu: apt-get install ${missing[*]}." >&2
  echo "Elsewhere: put prometheus, promtool, alertmanager and amtool on the PATH." >&2
  exit 1
fi
