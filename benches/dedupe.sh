#!/usr/bin/env bash
# How fast `modelstrap dedupe` finds what is stored twice, beside the finders of duplicates that are installed.
#
#   benches/dedupe.sh [BINARY]      default: target/release/modelstrap, built if it is missing
#
# Makes 3.3 GB in about 3,030 files below TMPDIR (benches/cache/twice.py), a third of them redundant and every second pair visible from names,
# and measures, warm and interleaved: the plan (`--dry-run`), the plan with every byte compared (`--dry-run --compare`), and each peer
# on the same tree. fclones, jdupes and rdfind are taken from PATH; those that are missing are left out. Needs python3. At the end the
# duplicates are replaced, and what that frees is held against what the generator says.
# Exit code 1 when the plan takes more than a sixth of `fclones group`, when the plan with the comparison takes longer than it, or when not
# every byte is found.
#
# BENCH_RUNS (9) makes it longer or shorter.
# shellcheck source=benches/common.sh
. "$(dirname "$0")/common.sh"

need python3
find_binary "$@"

make_work
forget_settings
export XDG_CACHE_HOME=$work/peers HOME=$work/tree/home
truth=$(python3 benches/cache/twice.py "$work/tree")
frees=$(awk '{ print $3 }' <<<"$truth")
printf '%s\n' "$truth"
sync

flags="dedupe --min-size 1B --grace 0 --dry-run"
declare -A commands=(
  [plan]="env -u XDG_CACHE_HOME $binary -C $work/tree/project $flags"
  [compared]="env -u XDG_CACHE_HOME $binary -C $work/tree/project $flags --compare"
)
order=(plan compared)
peer() {
  if command -v "${2%% *}" >/dev/null; then
    commands[$1]=$2
    order+=("$1")
  fi
}
peer fclones "fclones group --hidden $work/tree"
peer jdupes "jdupes -r -q $work/tree"
peer jdupes-Q "jdupes -r -q -Q $work/tree"
peer rdfind "rdfind -dryrun true -makeresultsfile false $work/tree"

runs=${BENCH_RUNS:-9}
for run in $(seq 0 "$runs"); do
  for name in "${order[@]}"; do
    # shellcheck disable=SC2086
    timed "$name" ${commands[$name]}
  done
  # The first round only warms up.
  [ "$run" != 0 ] || rm "$work"/*.times
done

for name in "${order[@]}"; do
  sort -n "$work/$name.times" | awk -v name="$name" '{ wall[NR] = $1; cpu[NR] = $2; if ($3 > peak) peak = $3 }
    END { printf "  %-10s %6.0f ms median (%.0f to %.0f), %5.0f ms of processor, %6.1f MiB at most\n", name, wall[int((NR + 1) / 2)] * 1000, wall[1] * 1000, wall[NR] * 1000, cpu[int((NR + 1) / 2)] * 1000, peak / 1024 }'
done

missed=0
if [ -e "$work/fclones.times" ]; then
  awk -v plan="$(median "$work/plan.times")" -v compared="$(median "$work/compared.times")" -v peer="$(median "$work/fclones.times")" 'BEGIN {
    printf "  the plan takes 1/%.1f of fclones group, with the comparison 1/%.1f\n", peer / plan, peer / compared
    exit plan * 6 > peer || compared > peer }' || missed=1
fi

said=$(env -u XDG_CACHE_HOME "$binary" -C "$work/tree/project" dedupe --min-size 1B --grace 0 --yes --json 2>/dev/null |
  python3 -c 'import json, sys; print(sum(pair["size_bytes"] for pair in json.load(sys.stdin)["pairs"] if pair["state"] == "replaced"))')
printf '  replaced: %s bytes\n' "$said"
if [ "$said" != "$frees" ]; then
  printf '  but there were %s\n' "$frees"
  missed=1
fi
exit "$missed"
