#!/bin/sh
# Written by `modelstrap dedupe --dry-run`. It makes equal files one, and frees what the others took. Each file is compared with
# the one that stays before anything is done to it, and its name changes in one step: what differs by now is left as it is.
# shellcheck disable=SC2034 # `failed` is what the last line, below the pairs, ends with
set -eu
failed=0

# KEPT COPY: whether both are files, not yet one, and equal.
equal() {
  if [ -h "$2" ] || [ ! -f "$2" ] || [ -h "$1" ] || [ ! -f "$1" ]; then
    printf 'left, since one of the two is no file: %s\n' "$2" >&2
    failed=1
    return 1
  fi
  if [ "$1" -ef "$2" ]; then
    return 1
  fi
  if ! cmp -s "$1" "$2"; then
    printf 'left, since it differs: %s\n' "$2" >&2
    failed=1
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
    mv -f "$temporary" "$2"
  fi
}

# FOLDER LINE: tells modelstrap of a link, so that it keeps what the link leads to.
note() {
  mkdir -p "$1"
  printf '%s\n' "$2" >>"$1/links.jsonl"
}
