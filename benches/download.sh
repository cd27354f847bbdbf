#!/usr/bin/env bash
# How fast modelstrap downloads, beside the programs that people use for it: one server, the same files, one run.
#
#   benches/download.sh [BINARY]      default: target/release/modelstrap, built if it is missing; `none`: the peers alone
#
# benches/README.md says what each row measures, what the peers leave out, and how the link is made.
#
# BENCH_ROUNDS (3)     rounds; every program runs once in each, in turn, and its median counts
# BENCH_CASES          names of cases, separated by spaces; default: all
# BENCH_PROGRAMS       names of programs; default: all that are found
# BENCH_PEERS          where the peers are installed (benches/peers.sh); default: a cache folder of the user
# BENCH_DATA           where the server keeps its pattern (64 MiB); default: likewise
# BENCH_SLOW=0         leaves out the runs that take a minute or longer (single connections on a lossy link)
# TMPDIR               on which disk the downloads land
# shellcheck source=benches/common.sh
. "$(dirname "$0")/common.sh"

rounds=${BENCH_ROUNDS:-3}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/modelstrap-bench
peers=${BENCH_PEERS:-$cache/peers}
data=${BENCH_DATA:-$cache/data}
cases=${BENCH_CASES:-loopback-large link-large link-lossy capped link-many loopback-many crowd cached resume verify}
slow=${BENCH_SLOW:-1}

need curl awk python3
binary=none
[ "${1:-}" = none ] || find_binary "$@"

target=${CARGO_TARGET_DIR:-$PWD/target/bench-hub}
cargo build --release --quiet --manifest-path benches/hub/Cargo.toml --target-dir "$target"
measure=$PWD/benches/measure.py

real_home=$HOME
make_work
hub_pid=
# shellcheck disable=SC2329 # the trap calls it
cleanup() {
  [ -z "$hub_pid" ] || kill "$hub_pid" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

forget_settings
mkdir -p "$data"

mkfifo "$work/told"
"$target/release/bench-hub" "$data" >"$work/told" &
hub_pid=$!
read -r _ hub <"$work/told"
steer() { curl --silent --show-error --noproxy '*' "$hub/bench/$1"; }

project=$work/project
mkdir "$project"

# --- programs: each gets REPOSITORY and a fresh FOLDER, and leaves the files below it ---

have() {
  case $1 in
    modelstrap) [ "$binary" != none ] ;;
    hf) [ -x "$peers/hf/bin/hf" ] ;;
    hf_transfer) [ -x "$peers/hf-transfer/bin/huggingface-cli" ] ;;
    hf-hub) [ -x "$peers/bin/bench-hf-hub" ] ;;
    aria2) command -v aria2c >/dev/null ;;
    curl | curl-64) true ;;
  esac
}
programs=()
for program in ${BENCH_PROGRAMS:-modelstrap hf hf_transfer hf-hub aria2 curl curl-64}; do
  if have "$program"; then
    programs+=("$program")
  else
    printf 'skipped: %s is not installed (benches/peers.sh installs the peers)\n' "$program"
  fi
done

# command_of PROGRAM REPOSITORY FOLDER: fills `command`.
command_of() {
  local program=$1 repository=$2 folder=$3
  case $program in
    modelstrap)
      # The project's cache lies in the project: a fresh one for each run.
      mkdir -p "$folder/project"
      touch "$folder/project/modelstrap.toml"
      command=(env HF_ENDPOINT="$hub" HF_HOME="$folder/hf" "$binary" -C "$folder/project" models download "hf:$repository" --yes)
      ;;
    hf) command=(env HF_ENDPOINT="$hub" HF_HOME="$folder/hf" HF_HUB_DISABLE_XET=1 HF_HUB_DISABLE_TELEMETRY=1 "$peers/hf/bin/hf" download "$repository") ;;
    hf_transfer) command=(env HF_ENDPOINT="$hub" HF_HOME="$folder/hf" HF_HUB_DISABLE_XET=1 HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_ENABLE_HF_TRANSFER=1 "$peers/hf-transfer/bin/huggingface-cli" download "$repository") ;;
    hf-hub) command=(env HF_ENDPOINT="$hub" HF_HOME="$folder/hf" "$peers/bin/bench-hf-hub" "$repository") ;;
    aria2)
      steer "list?repo=$repository" | awk '{ print $2; print "  out=" $3 }' >"$folder/list"
      # Many connections for one large file, many files at once where they are small: each is slower the other way.
      local split=16
      case $repository in bench/many | bench/crowd | bench/throng) split=1 ;; esac
      command=(aria2c --quiet --input-file="$folder/list" --dir="$folder/files" --max-concurrent-downloads=16 --max-connection-per-server=16 --split="$split" --min-split-size=1M --file-allocation=none)
      ;;
    curl | curl-64)
      local parallel=16
      [ "$program" = curl ] || parallel=64
      steer "list?repo=$repository" | awk -v folder="$folder/files" '{ printf "url = \"%s\"\noutput = \"%s/%s\"\n", $2, folder, $3 }' >"$folder/list"
      command=(curl --silent --show-error --fail --location --create-dirs --parallel --parallel-immediate --parallel-max "$parallel" --config "$folder/list")
      ;;
  esac
}

# --- measuring ---

middle() { sort -g | awk '{ all[NR] = $1 } END { if (NR) print NR % 2 ? all[(NR + 1) / 2] : (all[NR / 2] + all[NR / 2 + 1]) / 2 }'; }
column() { awk -v column="$2" '{ print $column }' "$1" | middle; }

failed=0
# once CASE PROGRAM COMMAND...: adds `SECONDS CPU KIB REQUESTS CONNECTIONS ASKED` to the case's results.
once() {
  local results=$work/results-$1-$2 log=$work/log
  shift 2
  steer reset >/dev/null
  if ! python3 "$measure" "$work/measured" "$@" >"$log" 2>&1; then
    printf 'failed: %s\n' "$*" >&2
    tail -n 5 "$log" >&2
    failed=1
    return 1
  fi
  printf '%s %s\n' "$(cat "$work/measured")" "$(steer counts | sed 's/[a-z]*=//g')" >>"$results"
}

# complete REPOSITORY FOLDER: the sizes of what came, summed, are those of the repository.
complete() {
  local wanted found
  wanted=$(steer "list?repo=$1" | awk '{ sum += $1 } END { printf "%.0f", sum }')
  # Links are followed by nobody here: blobs are counted once, and everything small beside them is left out by name.
  found=$(find "$2" -type f \( -path '*/blobs/*' -o -path '*/files/*' \) ! -name '*.incomplete' -printf '%s\n' | awk '{ sum += $1 } END { printf "%.0f", sum }')
  [ "$wanted" = "$found" ] || {
    printf 'failed: %s has %s bytes, %s came\n' "$1" "$wanted" "$found" >&2
    failed=1
  }
}

head_line() {
  printf '\n%s\n%-14s %9s %9s %9s %9s %9s %9s   %s\n' "$1" "" wall CPU "peak MB" requests connect. "ratio" "(wall against modelstrap's, else the first's)"
}
table() { # CASE
  local program base="" file ratio
  for program in "${programs[@]}"; do
    file=$work/results-$1-$program
    [ -s "$file" ] || continue
    [ -n "$base" ] || base=$(column "$file" 1)
    ratio=$(awk -v a="$(column "$file" 1)" -v b="$base" 'BEGIN { printf "%.2f", a / b }')
    printf '%-14s %8.2fs %8.2fs %9.1f %9d %9d %9s\n' "$program" "$(column "$file" 1)" "$(column "$file" 2)" \
      "$(awk -v kib="$(column "$file" 3)" 'BEGIN { print kib * 1.024 / 1000 }')" "$(column "$file" 4)" "$(column "$file" 5)" "$ratio"
  done
}

# fetch_case NAME TITLE LINK REPOSITORY [PROGRAMS THAT ARE SLOW HERE]
fetch_case() {
  local name=$1 title=$2 link=$3 repository=$4 slow_ones=${5:-} round program folder
  case " $cases " in *" $name "*) ;; *) return 0 ;; esac
  steer "link?$link" >/dev/null
  for ((round = 0; round < rounds; round++)); do
    for program in "${programs[@]}"; do
      # More at once changes nothing for one file.
      case $program:$repository in
        curl-64:bench/many | curl-64:bench/crowd | curl-64:bench/throng) ;;
        curl-64:*) continue ;;
      esac
      case " $slow_ones " in
        *" $program "*) { [ "$slow" != 0 ] && [ "$round" -eq 0 ]; } || continue ;;
      esac
      folder=$work/run
      mkdir "$folder"
      command_of "$program" "$repository" "$folder"
      if once "$name" "$program" "${command[@]}"; then
        complete "$repository" "$folder"
      fi
      # Thousands of files that were deleted a moment ago make every new one dear: ext4 looks at each of their inodes before it
      # takes another (half of all processor time was that). So they stay until the case is over.
      case $repository in
        bench/many | bench/crowd | bench/throng) mv "$folder" "$work/spent-$name-$program-$round" ;;
        *) rm -rf "$folder" ;;
      esac
      # What one wrote must not be written back while the next is measured.
      sync
    done
  done
  rm -rf "$work"/spent-*
  head_line "$title"
  table "$name"
}

version=none
[ "$binary" = none ] || version=$("$binary" --version | cut -d ' ' -f 2)
printf 'modelstrap %s, %s processors, %s rounds, files on %s, load %s\n' \
  "$version" "$(nproc)" "$rounds" "$(stat -f -c %T "$work")" "$(cut -d ' ' -f 1 /proc/loadavg)"

wan="rtt=40&rate=105.3"
fetch_case loopback-large "one file of 4 GiB, loopback" "" bench/four-gib
fetch_case link-large "one file of 512 MiB, 40 ms, 1 Gbit/s (the link itself needs 5.1 s)" "$wan" bench/half-gib
fetch_case link-lossy "one file of 128 MiB, the same link, 0.1 % loss" "$wan&loss=0.001" bench/eighth-gib "hf hf-hub curl"
fetch_case capped "one file of 512 MiB, each connection held to 20 MB/s" "each=20" bench/half-gib
# With hf_transfer, huggingface_hub fetches one file after another.
fetch_case link-many "2,006 files, 127 MiB, 40 ms, 1 Gbit/s" "$wan" bench/many hf_transfer
fetch_case loopback-many "2,006 files, 127 MiB, loopback" "" bench/many
fetch_case crowd "20,000 files, 2 MiB, loopback (for the memory)" "" bench/crowd
# Not among the defaults: hf alone takes minutes.
fetch_case throng "100,000 files, 12 MiB, loopback (for the memory)" "" bench/throng "hf hf_transfer hf-hub aria2 curl curl-64"

wanted_case() { case " $cases " in *" $1 "*) true ;; *) false ;; esac; }

# Everything there already: hf asks one question, modelstrap none.
if wanted_case cached; then
  steer "link?" >/dev/null
  for program in "${programs[@]}"; do
    case $program in aria2 | curl*) continue ;; esac
    folder=$work/kept-$program
    mkdir "$folder"
    command_of "$program" bench/many "$folder"
    "${command[@]}" >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; failed=1; continue; }
    if [ "$program" = modelstrap ]; then
      env HF_ENDPOINT="$hub" HF_HOME="$folder/hf" "$binary" -C "$folder/project" models add hf:bench/many --yes >"$work/log" 2>&1 || true
      command=(env HF_ENDPOINT="$hub" HF_HOME="$folder/hf" "$binary" -C "$folder/project" models download --frozen --yes)
    fi
    for ((round = 0; round < rounds * 3; round++)); do
      once cached "$program" "${command[@]}" || break
    done
    rm -rf "$folder"
  done
  head_line "2,006 files, everything there already"
  table cached
fi

# Killed at half, then run again: how much is sent twice.
if wanted_case resume; then
  steer "link?rate=200" >/dev/null
  printf '\none file of 512 MiB, SIGKILL at half, run again\n%-14s %12s %12s %12s %14s\n' "" "sent before" "sent after" "twice, MiB" "requests after"
  for program in "${programs[@]}"; do
    case $program in curl*) continue ;; esac # it keeps nothing to resume from without --continue-at, which goes with one connection
    folder=$work/run
    mkdir "$folder"
    command_of "$program" bench/half-gib "$folder"
    steer reset >/dev/null
    "${command[@]}" >"$work/log" 2>&1 &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
      written=$(steer counts | sed 's/.*written=//')
      [ "$written" -lt 268435456 ] || break
      sleep 0.02
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    # The server learns from a failing write; until then it would count what nobody reads.
    sleep 1
    before=$(steer counts | sed 's/.*written=//')
    if once resume "$program" "${command[@]}"; then
      complete bench/half-gib "$folder"
      read -r _ _ _ requests _ _ after <"$work/results-resume-$program"
      awk -v name="$program" -v before="$before" -v after="$after" -v requests="$requests" -v size=536870912 \
        'BEGIN { m = 1048576; printf "%-14s %8.1f MiB %8.1f MiB %12.1f %14d\n", name, before / m, after / m, (before + after - size) / m, requests }'
    fi
    rm -rf "$folder"
  done
  steer "link?" >/dev/null
fi

# Everything is read and hashed again.
if wanted_case verify && have modelstrap; then
  folder=$work/run
  mkdir "$folder"
  command_of modelstrap bench/four-gib "$folder"
  if once fetched modelstrap "${command[@]}"; then
    verify=(env HF_ENDPOINT="$hub" HF_HOME="$folder/hf" "$binary" -C "$folder/project" models verify)
    env HF_ENDPOINT="$hub" HF_HOME="$folder/hf" "$binary" -C "$folder/project" models add hf:bench/four-gib --yes >"$work/log" 2>&1 || true
    for ((round = 0; round < rounds; round++)); do
      once verify modelstrap "${verify[@]}" || break
    done
    blob=$(find "$folder" -path '*/blobs/*' -type f | head -n 1)
    for ((round = 0; round < rounds; round++)); do
      once verify sha256sum sha256sum "$blob" || break
    done
    head_line "models verify, 4 GiB"
    programs=(modelstrap sha256sum)
    table verify
    awk -v wall="$(column "$work/results-verify-modelstrap" 1)" 'BEGIN { printf "models verify: %.2f GB/s\n", 4.294967296 / wall }'
  fi
  rm -rf "$folder"
fi

export HOME=$real_home
exit "$failed"
