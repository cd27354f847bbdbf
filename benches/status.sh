#!/usr/bin/env bash
# How fast `modelstrap status --models --revisions` reads a large cache, beside `du -sh` and whatever scanners are installed.
#
#   benches/status.sh [BINARY]      default: target/release/modelstrap, built if it is missing
#
# Makes two caches of 200 repositories and 50,000 entries below TMPDIR (benches/cache/corpus.py: about 100,000 names, 200 MiB),
# in the layout of huggingface_hub before and since 1.32. Needs hyperfine and python3; with strace it also counts system calls a name.
# Exit code 1 when modelstrap takes longer than du, or asks the system more than 1.2 times for a name.
#
# BENCH_RUNS (10) makes it longer or shorter; BENCH_HF names a `hf` program to compare with. BENCH_MILLION=1 adds caches of about
# 1,000,000 names in both layouts, with hard links: of each verb that looks at all of them, 150 bytes of memory a name at most. That takes
# 2.1 million inodes and 8 GB for a quarter of an hour.
# shellcheck source=benches/common.sh
. "$(dirname "$0")/common.sh"

need hyperfine python3
find_binary "$@"

make_work
forget_settings

missed=0
for layout in plain shared; do
  project=$work/$layout
  make_project "$project"
  flags=()
  [ "$layout" = plain ] || flags=(--shared)
  python3 benches/cache/corpus.py "$project/.cache" "${flags[@]}"
  names=$(find "$project/.cache" | wc -l)
  printf '\n%s layout, %s names\n' "$layout" "$names"
  commands=("$binary -C $project status --models --revisions" "du -sh $project/.cache")
  for scanner in diskus dust dua; do
    ! command -v "$scanner" >/dev/null || commands+=("$scanner $project/.cache")
  done
  [ -z "${BENCH_HF:-}" ] || commands+=("env HF_HOME=$project/.cache/huggingface $BENCH_HF cache ls")
  hyperfine --shell none --style none --warmup 2 --runs "${BENCH_RUNS:-10}" --export-csv "$work/times" "${commands[@]}" >/dev/null
  awk -F, 'NR > 1 { n = split($1, words, "/"); printf "  %7.0f ms median  %s\n", $4 * 1000, substr($1, 1, 60) }' "$work/times"
  slower=$(awk -F, 'NR == 2 { ours = $4 } NR == 3 { print (ours > $4) ? 1 : 0 }' "$work/times")
  [ "$slower" = 0 ] || missed=1
  if command -v strace >/dev/null; then
    strace -f -c -o "$work/calls" "$binary" -C "$project" status --models --revisions >/dev/null
    calls=$(awk '$NF == "total" { print $(NF == 6 ? 4 : 3) }' "$work/calls" | tail -n 1)
    awk -v calls="$calls" -v names="$names" 'BEGIN { ratio = calls / names; printf "  %.2f system calls a name\n", ratio; exit ratio > 1.2 }' || missed=1
  fi
done
if [ -n "${BENCH_MILLION:-}" ]; then
  free=$(df --output=iavail "$work" | tail -n 1)
  if [ "$free" -lt 3000000 ]; then
    printf 'a million files need 3,000,000 free inodes below TMPDIR, and there are %s\n' "$free" >&2
    exit 2
  fi
  for layout in plain shared; do
    project=$work/million-$layout
    make_project "$project"
    flags=(--true --repositories "${BENCH_REPOSITORIES:-100}" --entries "${BENCH_ENTRIES:-300000}" --large 2 --linked 100000)
    [ "$layout" = plain ] || flags+=(--shared)
    python3 benches/cache/corpus.py "$project/.cache" "${flags[@]}"
    names=$(find "$project/.cache" | wc -l)
    printf '\n%s layout, %s names\n' "$layout" "$names"
    # memory NAMES PROJECT VERB...: runs it once; it may take 150 bytes for each name.
    memory() {
      local names=$1 project=$2
      shift 2
      timed memory "$binary" -C "$project" "$@"
      awk -v verb="${*//$work\//}" -v names="$names" '{ printf "  %6.2f s, %4.0f MB at most  %s\n", $1, $3 * 1.024 / 1000, verb; exit ($3 * 1024 > 150 * names) }' \
        "$work/memory.times" || missed=1
      rm "$work/memory.times"
    }
    for verb in "status --models --revisions" "report -o $work/page.html" "verify" "prune --dry-run" "clear all --dry-run" "dedupe --dry-run" "dedupe --dry-run --min-size 1B"; do
      read -ra words <<<"$verb"
      memory "$names" "$project" "${words[@]}"
    done
    # All of it into an archive, and the hub out of one again: torch's files are sparse here, and would not be in another cache.
    memory "$names" "$project" backup --quiet "$work/all.tar.zst"
    memory "$names" "$project" backup --dry-run "$work/other.tar.zst"
    memory "$names" "$project" restore --list "$work/all.tar.zst"
    "$binary" -C "$project" backup --quiet "$work/hub.tar.zst" huggingface
    names=$(find "$project/.cache/huggingface" | wc -l)
    make_project "$work/again"
    for _ in empty full; do
      memory "$names" "$work/again" restore --quiet --dry-run "$work/hub.tar.zst"
      memory "$names" "$work/again" restore --quiet "$work/hub.tar.zst"
    done
    rm -rf "$work/again" "$work/all.tar.zst" "$work/hub.tar.zst"
    rm -rf "$project"
  done
fi
exit "$missed"
