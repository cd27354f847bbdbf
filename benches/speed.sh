#!/usr/bin/env bash
# How fast modelstrap is, as whole processes, beside programs that every machine has: the bars of the project, kept.
#
#   benches/speed.sh [BINARY]      default: target/release/modelstrap, built if it is missing
#
# Needs hyperfine, python3, git and GNU time. Each row is measured in rounds, the command and its reference in turn,
# and its ratio is the median of the rounds' ratios of medians: a machine that is busy slows both. Exit code 1 when a bar is missed.
#
# BENCH_ROUNDS (5) and BENCH_RUNS (20 for each round) make it longer or shorter; TMPDIR says on which disk.
# shellcheck source=benches/common.sh
. "$(dirname "$0")/common.sh"

rounds=${BENCH_ROUNDS:-5}
runs=${BENCH_RUNS:-20}

need hyperfine python3 git
find_binary "$@"
# The interpreter itself: a pyenv or conda shim would make the bars too easy.
python=$(python3 -c 'import os, sys; print(os.path.realpath(sys.executable))')

make_work
fixture=$work/fixture
project=$work/project
cp -R tests/fixtures/speech-pipeline "$fixture"
mv "$fixture/gitignore" "$fixture/.gitignore"
mv "$fixture/glossary/gitignore" "$fixture/glossary/.gitignore"
mv "$fixture/existing.env" "$fixture/.env"
export GIT_CONFIG_NOSYSTEM=1
git -C "$fixture" init --quiet
git -C "$fixture" add --all
git -C "$fixture" -c user.name=bench -c user.email=bench@example.org commit --quiet --message "A project"

forget_settings

restore="rm -rf '$project' && cp -R '$fixture' '$project'"
bash -c "$restore"
ready() { "$binary" -C "$project" --quiet setup --yes 2>/dev/null; }

# column FILE ROW: the median of a command, in ms. hyperfine's columns: command, mean, stddev, median, …; none holds a comma here.
column() { awk -F, -v row="$2" 'NR == row { printf "%.4f", $4 * 1000 }' "$1"; }

failed=0

# row NAME FACTOR REFERENCE PREPARE COMMAND: COMMAND must take less than FACTOR times REFERENCE.
row() {
  local name=$1 factor=$2 reference=$3 prepare=$4 command=$5 round ours theirs verdict ratio
  local csv=$work/row.csv
  local -a options=(--shell=none --style=none --warmup=2 --runs="$runs" --export-csv="$csv")
  [ -z "$prepare" ] || options+=(--prepare="bash -c \"$prepare\"")
  : >"$work/ours"
  : >"$work/theirs"
  : >"$work/ratios"
  for ((round = 0; round < rounds; round++)); do
    hyperfine "${options[@]}" --command-name=ours "$command" --command-name=theirs "$reference" >/dev/null 2>"$work/error" || {
      cat "$work/error" >&2
      exit 2
    }
    ours=$(column "$csv" 2)
    theirs=$(column "$csv" 3)
    printf '%s\n' "$ours" >>"$work/ours"
    printf '%s\n' "$theirs" >>"$work/theirs"
    awk -v ours="$ours" -v theirs="$theirs" 'BEGIN { printf "%.4f\n", ours / theirs }' >>"$work/ratios"
  done
  ours=$(median "$work/ours")
  theirs=$(median "$work/theirs")
  ratio=$(median "$work/ratios")
  verdict=pass
  awk -v ratio="$ratio" -v factor="$factor" 'BEGIN { exit !(ratio < factor) }' || { verdict=FAIL && failed=1; }
  printf '%-34s %-26s %7.2f ms  %7.2f ms  %5.2f ×  %s\n' \
    "$name" "< $factor × ${reference##*/}" "$ours" "$theirs" "$ratio" "$verdict"
}

# memory NAME PREPARE COMMAND…: the peak of three runs, of the process and of what it waited for, must stay under 12 MB.
memory() {
  local name=$1 prepare=$2 peak=0 kib verdict=pass
  shift 2
  for _ in 1 2 3; do
    [ -z "$prepare" ] || bash -c "$prepare"
    "$timer" --quiet --format=%M --output="$work/peak" "$@" >/dev/null 2>&1
    kib=$(tail -n 1 "$work/peak")
    [ "$kib" -le "$peak" ] || peak=$kib
  done
  [ $((peak * 1024)) -lt 12000000 ] || { verdict=FAIL && failed=1; }
  printf '%-34s %-26s %7.2f MB %31s\n' "$name" "< 12 MB" "$(awk -v kib="$peak" 'BEGIN { print kib * 1.024 / 1000 }')" "$verdict"
}

printf 'modelstrap %s, %s, %s processors, %s rounds of %s runs, files on %s\n\n' \
  "$("$binary" --version | cut -d ' ' -f 2)" "$("$python" --version)" "$(nproc)" "$rounds" "$runs" "$(stat -f -c %T "$work")"
printf '%-34s %-26s %10s %11s %9s\n' "" bar measured reference ratio

run="$binary -C $project"
ready
row "setup --yes, everything to do" 2 "$python -c pass" "$restore" "$run setup --yes"
bash -c "$restore"
ready
row "setup --yes, nothing to do" 1 "$python -c pass" "" "$run setup --yes"
row "setup --check" 1 "$python -c pass" "" "$run setup --check"
row "env" 3 "sh -c :" "" "$run env --shell sh"
cd "$project"
row "hook at a prompt, entering" 3 "sh -c :" "" "$binary hook bash --export"
(
  eval "$("$binary" hook bash --export)"
  row "hook at a prompt, inside" 3 "sh -c :" "" "$binary hook bash --export"
  exit "$failed"
) || failed=1
cd "$work"
row "hook at a prompt, no project" 3 "sh -c :" "" "$binary hook bash --export"
row "detect --json" 2 "$python -c pass" "" "$run detect --json"

printf '\n%-34s %-26s %10s\n' "" bar peak
if timer=$(command -v gtime || type -P time); then
  memory "setup --yes, everything to do" "$restore" "$binary" -C "$project" setup --yes
  memory "setup --yes, nothing to do" "" "$binary" -C "$project" setup --yes
  memory "setup --check" "" "$binary" -C "$project" setup --check
  memory "env" "" "$binary" -C "$project" env --shell sh
  memory "hook at a prompt" "" "$binary" -C "$project" hook bash --export
  memory "detect --json" "" "$binary" -C "$project" detect --json
else
  printf 'skipped: peak memory: GNU time is not on this machine\n'
fi
exit "$failed"
