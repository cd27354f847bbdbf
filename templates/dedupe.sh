#!/bin/sh
# Written by `modelstrap dedupe --dry-run`. It makes equal files one, and frees what the others took. Each file is compared with
# the one that stays before anything is done to it, and its name changes in one step: what differs by now is left as it is.
# shellcheck disable=SC2034 # `failed` and `newline` are what the lines below use
set -eu
failed=0
# The pairs below write it so in names, and other control characters as numbers.
newline='
'

# WHY FILE: names are shown without what would drive a terminal.
left() {
  printf 'left, %s: ' "$1" >&2
  printf '%s' "$2" | LC_ALL=C tr '\001-\037\177' '?' >&2
  printf '\n' >&2
  failed=1
}

# KEPT COPY: whether both are files, not yet one, and equal.
equal() {
  if [ -h "$2" ] || [ ! -f "$2" ] || [ -h "$1" ] || [ ! -f "$1" ]; then
    left 'since one of the two is no file' "$2"
    return 1
  fi
  if [ "$1" -ef "$2" ]; then
    return 1
  fi
  if ! cmp -s "$1" "$2"; then
    left 'since it differs' "$2"
    return 1
  fi
}

# KEPT COPY: one file with two names, which nobody may write to.
hard_link() {
  if equal "$1" "$2"; then
    temporary=${2%/*}/.modelstrap-dedupe-$$
    chmod a-w "$1"
    ln "$1" "$temporary"
    mv -f "$temporary" "$2"
  fi
}

# FIRST OTHER: another name of a copy.
same_file() {
  if equal "$1" "$2"; then
    temporary=${2%/*}/.modelstrap-dedupe-$$
    ln "$1" "$temporary"
    mv -f "$temporary" "$2"
  fi
}

# KEPT COPY MODE OWNER: two files with the same blocks (needs the cp of GNU).
reflink() {
  if equal "$1" "$2"; then
    temporary=${2%/*}/.modelstrap-dedupe-$$
    cp --reflink=always "$1" "$temporary"
    chown "$4" "$temporary"
    chmod "$3" "$temporary"
    touch -r "$2" "$temporary"
    mv -f "$temporary" "$2"
  fi
}

# KEPT COPY: a link to the copy in the hub.
symlink() {
  if equal "$1" "$2"; then
    temporary=${2%/*}/.modelstrap-dedupe-$$
    ln -s "$1" "$temporary"
    if [ "${1##*/}" = "${2##*/}" ] && [ -h "${1%/*}/${temporary##*/}" ]; then
      rm -f "$temporary"
      left 'since it is what it equals, seen by another path' "$2"
      return 0
    fi
    mv -f "$temporary" "$2"
  fi
}

# FOLDER LINE: tells modelstrap of a link, so that it keeps what the link leads to.
note() {
  if [ -h "$1" ] || [ -h "$1/links.jsonl" ]; then
    printf 'a link stands where modelstrap keeps its notes, and nothing is written through one: remove it\n' >&2
    exit 1
  fi
  mkdir -p "$1"
  printf '%s\n' "$2" >>"$1/links.jsonl"
}
