#!/usr/bin/env bash
# Installs the programs that benches/download.sh compares with, below one folder and nowhere else:
#
#   BENCH_PEERS=FOLDER benches/peers.sh      default: ~/.cache/modelstrap-bench/peers
#
# aria2 and curl come from the system (apt install aria2 curl). Needs python3 with venv, and cargo for hf-hub.
set -euo pipefail
cd "$(dirname "$0")"

peers=${BENCH_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/modelstrap-bench/peers}
mkdir -p "$peers"
rc=0

python() { # FOLDER REQUIREMENT...
  local folder=$peers/$1
  shift
  [ -x "$folder/bin/python" ] || python3 -m venv --clear "$folder" || true
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" || {
    printf 'skipped: %s did not install\n' "$*"
    rc=1
  }
}
python hf huggingface_hub==2.4.0
# The last that still knows hf_transfer.
python hf-transfer huggingface_hub==0.36.0 hf_transfer==0.1.9

# Some minutes: it brings the client of another storage protocol with it.
if [ ! -x "$peers/bin/bench-hf-hub" ]; then
  cargo install --quiet --locked --path hf-hub --root "$peers" --target-dir "$peers/build" || {
    printf 'skipped: hf-hub did not build\n'
    rc=1
  }
  rm -rf "$peers/build"
fi

for program in aria2c curl; do
  command -v "$program" >/dev/null || printf 'skipped: %s is not on this machine\n' "$program"
done
printf 'peers are in %s\n' "$peers"
exit "$rc"
