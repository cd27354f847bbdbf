# shellcheck shell=bash
# What the measuring scripts share: where they stand, what they need, the binary, a folder that goes with them, and medians. It is sourced.
#
# Exit code 2 says that nothing could be measured; 1, which the scripts give, that a bar was missed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# need PROGRAM...: the script ends where one of them is not installed.
need() {
  local needed
  for needed in "$@"; do
    if ! command -v "$needed" >/dev/null; then
      printf '%s needs %s, which is not on this machine\n' "${0##*/}" "$needed" >&2
      exit 2
    fi
  done
}

# find_binary [BINARY]: its absolute path in `binary`. The project's own is built if it is missing.
find_binary() {
  binary=${1:-target/release/modelstrap}
  if [ ! -x "$binary" ]; then
    if [ $# -gt 0 ]; then
      printf '%s is not a program\n' "$binary" >&2
      exit 2
    fi
    cargo build --release
  fi
  binary=$(realpath "$binary")
}

# make_work: an empty folder in `work`, below TMPDIR, with an empty home; it goes when the script ends.
make_work() {
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  export HOME=$work/home
  mkdir "$HOME"
}

# forget_settings: the user's own settings, and the variables that libraries and CI read, would change what is measured; a proxy must
# not lie before loopback.
forget_settings() {
  local name
  for name in $(compgen -e | grep -iE '^(MODELSTRAP_|HF_|HUGGINGFACE_|TORCH_|TRANSFORMERS_|XDG_|CI$|GITHUB_|.*_PROXY$)' || true); do
    unset "$name"
  done
}

# make_project FOLDER: a project without models.
make_project() {
  mkdir -p "$1"
  printf '[project]\nname = "bench"\n' >"$1/modelstrap.toml"
}

# timed NAME COMMAND...: runs it once; its seconds, its seconds of CPU and its peak in KiB join those of its other runs in
# $work/NAME.times.
timed() {
  local name=$1
  shift
  python3 benches/measure.py "$work/once" "$@" >/dev/null 2>"$work/said" || {
    cat "$work/said" >&2
    exit 2
  }
  cat "$work/once" >>"$work/$name.times"
}

# median FILE [COLUMN]: of its numbers, one or several a line.
median() {
  sort -g -k "${2:-1},${2:-1}" "$1" | awk -v at="${2:-1}" '{ all[NR] = $at }
    END { printf "%.4f\n", NR % 2 ? all[(NR + 1) / 2] : (all[NR / 2] + all[NR / 2 + 1]) / 2 }'
}
