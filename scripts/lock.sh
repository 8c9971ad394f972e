#!/bin/sh
# Resolves requirements/*.lock anew from pyproject.toml. uv comes from a throw-away environment, so nothing has to be
# installed first. `UPGRADE=1` takes the newest versions; without it, what is locked stays as far as it still fits.
set -eu
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch/venv"
"$scratch/venv/bin/pip" install --quiet --disable-pip-version-check uv

compile() {
  lock=$1
  shift
  # Hashes and no index address: the lock then works with any mirror and trusts none of them.
  "$scratch/venv/bin/uv" pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
    --no-header --no-annotate ${UPGRADE:+--upgrade} "$@" --output-file "requirements/$lock"
  echo "requirements/$lock: $(grep -c '==' "requirements/$lock") packages"
}

compile run.lock
compile install.lock --group install --constraint requirements/run.lock
compile dev.lock --group dev --constraint requirements/install.lock
