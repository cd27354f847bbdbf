#!/usr/bin/env python3
"""Makes a cache to measure with: `corpus.py FOLDER [--shared] [--true] [--repositories 200] [--entries 50000] [--large 50] [--linked 0]
[--linked-bytes 1048576]`.

Repositories in the layout of huggingface_hub (with `--shared`: that of 1.32 and later, payloads in a shared store), with two
revisions each that have a few blobs in common. Every fiftieth file is large (with `--large 2`, every other). `--linked N` adds N files
with two names each in torch's home. Files are sparse: terabytes to the eye, little on the disk. The same numbers
give the same tree.
"""

import argparse
import hashlib
import os
import random


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--shared", action="store_true")
    arguments.add_argument("--true", action="store_true")
    arguments.add_argument("--repositories", type=int, default=200)
    arguments.add_argument("--entries", type=int, default=50_000)
    arguments.add_argument("--large", type=int, default=50)
    arguments.add_argument("--linked", type=int, default=0)
    arguments.add_argument("--linked-bytes", type=int, default=1 << 20)
    asked = arguments.parse_args()
    chance = random.Random(7)
    hub = os.path.join(asked.folder, "huggingface", "hub")
    os.makedirs(hub)
    if asked.shared:
        os.makedirs(os.path.join(hub, "blobs"))
        write(os.path.join(hub, "blobs", ".huggingface-shared-blobs"), b"1\n")
    each = asked.entries // asked.repositories
    for number in range(asked.repositories):
        repository(hub, f"models--org{number % 17}--model-{number:04}", each, asked, chance)
    linked(os.path.join(asked.folder, "torch"), asked)


def repository(hub, name, entries, asked, chance):
    at = os.path.join(hub, name)
    for part in ("blobs", "refs", "snapshots"):
        os.makedirs(os.path.join(at, part))
    commits = [digest(f"{name} {revision}", 40) for revision in range(2)]
    write(os.path.join(at, "refs", "main"), commits[1].encode())
    old, new = (os.path.join(at, "snapshots", commit) for commit in commits)
    # The second revision has a tenth of its files in common with the first.
    common = entries // 20
    for index in range(entries - common):
        large = index % asked.large == 0
        text = f"{name} {index}"
        blob = digest(text, 64 if large else 40)
        size = chance.randrange(1 << 30, 8 << 30) if large else chance.randrange(100, 4000)
        if asked.true:
            blob = hashlib.sha256(text.encode()).hexdigest() if large else git(text)
        path = os.path.join(at, "blobs", blob)
        if large and asked.shared:
            # Its name there is another digest, which Xet alone can compute.
            payload = digest(f"xet {text}", 64) if asked.true else blob
            store = os.path.join(hub, "blobs", payload[:2])
            os.makedirs(store, exist_ok=True)
            whole(os.path.join(store, payload), text, size, asked)
            write(os.path.join(store, payload + ".refs"), f"{name}/blobs/{blob}\n".encode())
            os.symlink(f"../../blobs/{payload[:2]}/{payload}", path)
        elif asked.true:
            write(path, text.encode())
        elif large:
            sparse(path, size)
        else:
            write(path, bytes(size))
        inside = f"part-{index % 4}/file-{index:05}"
        revisions = (old, new) if index < common else (old,) if index % 2 else (new,)
        for revision in revisions:
            link = os.path.join(revision, inside)
            os.makedirs(os.path.dirname(link), exist_ok=True)
            os.symlink(f"../../../../blobs/{blob}"[3:] if "/" not in inside else f"../../../blobs/{blob}", link)


def linked(home, asked):
    for number in range(asked.linked):
        one, other = (os.path.join(home, half, f"folder-{number % 64}") for half in ("one", "other"))
        if number < 64:
            os.makedirs(one)
            os.makedirs(other)
        path = os.path.join(one, f"file-{number}")
        sparse(path, asked.linked_bytes)
        os.link(path, os.path.join(other, f"file-{number}"))


def whole(path, text, size, asked):
    if asked.true:
        write(path, text.encode())
    else:
        sparse(path, size)


def git(text):
    """Git's name of it."""
    return hashlib.sha1(f"blob {len(text)}\0{text}".encode()).hexdigest()


def digest(text, length):
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def sparse(path, size):
    with open(path, "wb") as file:
        file.truncate(size)


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    main()
