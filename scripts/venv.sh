#!/bin/bash
# A virtual environment: scripts/venv.sh PYTHON FOLDER. Debian and Ubuntu have the module for it in a package of its own.
set -eu
"$1" -m venv "$2" >/dev/null 2>&1 && exit 0
rm -rf "$2"
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
  package=python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv
  echo "installing $package with apt-get" >&2
  (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$package") >/dev/null
  exec "$1" -m venv "$2"
fi
echo "$1 -m venv failed; on Debian and Ubuntu, as root: apt-get install python3-venv" >&2
exit 1
