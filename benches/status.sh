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
# 1.2 million inodes and 4 GB for some minutes.
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
    for verb in "status --models --revisions" "report -o $work/page.html" "verify" "prune --dry-run" "clear all --dry-run" "dedupe --dry-run" "dedupe --dry-run --min-size 1B"; do
      read -ra words <<<"$verb"
      timed "${words[0]}" "$binary" -C "$project" "${words[@]}"
      awk -v verb="$verb" -v names="$names" '{ printf "  %6.2f s, %4.0f MB at most  %s\n", $1, $3 * 1.024 / 1000, verb; exit ($3 * 1024 > 150 * names) }' \
        "$work/${words[0]}.times" || missed=1
      rm "$work/${words[0]}.times"
    done
    rm -rf "$project"
  done
fi
exit "$missed"
