#!/usr/bin/env bash
# How fast `modelstrap backup` stores a cache of weights beside `tar | zstd -1 -T0`, and `modelstrap restore` brings it back: whole, and
# into a cache that has half of it.
#
#   benches/backup.sh [BINARY]      default: target/release/modelstrap, built if it is missing
#
# Makes 2.5 GB of weights below TMPDIR (benches/cache/weights.py), and needs 6 GB there at its fullest. Needs tar, zstd and python3.
# Exit code 1 when a backup takes longer than tar and zstd, a peak of memory is 32 MiB or more, or a restore into a cache that has
# half takes more than half as long as a whole one.
#
# The two restores of a round follow each other, with what was written before on the disk: of what half takes of the whole, the median
# of all rounds counts.
#
# BENCH_RUNS (3) makes it longer or shorter, BENCH_MEGABYTES (2540) larger or smaller.
# shellcheck source=benches/common.sh
. "$(dirname "$0")/common.sh"

need tar zstd python3
find_binary "$@"
runs=${BENCH_RUNS:-3}

make_work
forget_settings
make_project "$work/from"
make_project "$work/to"
python3 benches/cache/weights.py "$work/from/.cache" --megabytes "${BENCH_MEGABYTES:-2540}"

# column NAME NUMBER: the median of one of the figures of `timed`.
column() { median "$work/$1.times" "$2"; }
line() {
  printf '  %-46s %6.1f s, %5.1f s of CPU, %4.0f MiB%s\n' "$2" "$(column "$1" 1)" "$(column "$1" 2)" \
    "$(awk -v kib="$(column "$1" 3)" 'BEGIN { print kib / 1024 }')" "${3:-}"
}

archive=$work/a.tar.zst
size() { printf ', %s bytes' "$(stat -c %s "$1")"; }
for _ in $(seq "$runs"); do
  rm -f "$archive" "$work/peer.tar.zst"
  sync
  timed peer sh -c "tar c -C '$work/from/.cache' . | zstd -q -1 -T0 -o '$work/peer.tar.zst'"
  peer=$(size "$work/peer.tar.zst")
  rm -f "$work/peer.tar.zst"
  sync
  timed backup "$binary" -C "$work/from" backup --quiet "$archive"
done
for _ in $(seq "$runs"); do
  rm -rf "$work/to/.cache"
  sync
  timed whole "$binary" -C "$work/to" restore --quiet "$archive"
  # Half of the contents go: every other large blob.
  find "$work/to/.cache/huggingface" -path '*/blobs/*' -size +1M -printf '%p\n' | sort | awk 'NR % 2' | xargs -d '\n' rm
  sync
  timed half "$binary" -C "$work/to" restore --quiet "$archive"
  tail -qn 1 "$work/half.times" "$work/whole.times" | awk '{ took[NR] = $1 } END { print took[1] / took[2] }' >>"$work/ratios"
  rm -rf "$work/to/.cache"
  mkdir "$work/to/.cache"
  sync
  timed untar sh -c "zstd -q -dc '$archive' | tar x -C '$work/to/.cache'"
done

line peer 'tar c | zstd -1 -T0' "$peer"
line backup 'modelstrap backup' "$(size "$archive")"
line untar 'zstd -d | tar x (of the same archive)'
line whole 'modelstrap restore'
line half 'modelstrap restore, half of it there'
ratio=$(median "$work/ratios")
printf '  half of it there takes %.2f of the whole\n' "$ratio"
awk -v ours="$(column backup 1)" -v peer="$(column peer 1)" -v ratio="$ratio" \
  -v one="$(column backup 3)" -v two="$(column whole 3)" \
  'BEGIN { exit (ours > peer || ratio > 0.5 || one >= 32768 || two >= 32768) ? 1 : 0 }'
