#!/usr/bin/env bash
# How many bytes a second `modelstrap verify` reads, beside `sha256sum` and `openssl dgst -sha256`, one process and one a core.
#
#   benches/verify.sh [BINARY]      default: target/release/modelstrap, built if it is missing
#
# Makes a hub of 2 GB below TMPDIR (BENCH_MEGABYTES changes that): a repository with weights in six files of several sizes, and 200
# small ones. Everything is read once before, so that the disk does not count. Needs hyperfine, python3 and sha256sum.
# Exit code 1 when modelstrap is slower than the fastest of the others with as many processes as cores.
# shellcheck source=benches/common.sh
. "$(dirname "$0")/common.sh"

need hyperfine python3 sha256sum
find_binary "$@"

make_work
forget_settings
make_project "$work"
megabytes=${BENCH_MEGABYTES:-2000}
python3 - "$work/.cache/huggingface/hub/models--org--bench" "$megabytes" <<'PYTHON'
import hashlib, os, random, sys
folder, megabytes = sys.argv[1], int(sys.argv[2])
commit = "1" * 40
for part in ("blobs", "refs", f"snapshots/{commit}"):
    os.makedirs(os.path.join(folder, part))
chance = random.Random(7)
sizes = [megabytes * share * 10_000 for share in (40, 20, 15, 10, 10, 4)] + [megabytes * 50] * 200
for number, size in enumerate(sizes):
    digest, left = hashlib.sha256(), size
    path = os.path.join(folder, "blobs", f"new-{number}")
    with open(path, "wb") as file:
        while left:
            piece = chance.randbytes(min(left, 1 << 20))
            file.write(piece)
            digest.update(piece)
            left -= len(piece)
    name = digest.hexdigest()
    os.rename(path, os.path.join(folder, "blobs", name))
    os.symlink(f"../../blobs/{name}", os.path.join(folder, "snapshots", commit, f"file-{number}"))
PYTHON
blobs=$work/.cache/huggingface/hub/models--org--bench/blobs
cores=$(nproc)
bytes=$(cat "$blobs"/* | wc -c)
commands=("$binary -C $work verify" "sh -c 'sha256sum $blobs/* >/dev/null'"
  "sh -c 'ls -S -d $blobs/* | xargs -P $cores -n 1 sha256sum >/dev/null'")
names=("modelstrap verify" "sha256sum" "sha256sum, $cores at once")
if command -v openssl >/dev/null; then
  commands+=("sh -c 'openssl dgst -sha256 $blobs/* >/dev/null'" "sh -c 'ls -S -d $blobs/* | xargs -P $cores -n 1 openssl dgst -sha256 >/dev/null'")
  names+=("openssl dgst -sha256" "openssl dgst -sha256, $cores at once")
fi
hyperfine --style none --warmup 1 --runs "${BENCH_RUNS:-5}" --export-csv "$work/times" "${commands[@]}" >/dev/null
missed=0
printf '%s bytes, %s cores\n' "$bytes" "$cores"
row=0
best=
while IFS= read -r median; do
  awk -v name="${names[$row]}" -v median="$median" -v bytes="$bytes" \
    'BEGIN { printf "  %7.2f s median  %6.2f GB/s  %s\n", median, bytes / median / 1e9, name }'
  if [ "$row" = 0 ]; then
    ours=$median
  elif [ -z "$best" ] || awk -v one="$median" -v other="$best" 'BEGIN { exit !(one < other) }'; then
    best=$median
  fi
  row=$((row + 1))
done < <(awk -F, 'NR > 1 { print $(NF - 4) }' "$work/times")
awk -v ours="$ours" -v best="$best" 'BEGIN { exit ours > best * 1.02 }' || missed=1
exit "$missed"
