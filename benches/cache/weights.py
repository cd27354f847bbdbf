#!/usr/bin/env python3
"""Makes a cache with weights to measure with: `weights.py FOLDER [--megabytes 2540]`.

Repositories in the layout of huggingface_hub whose files look like weights in bf16: random mantissas, and signs and exponents that
gather around a few values, so that zstd takes about a fifth off. A tenth is like weights in 4 bits, which nothing makes smaller. And
three tenths of the megabytes are second copies: of a whole repository under another name, and of a file in torch's folder. The same
numbers give the same tree.
"""

import argparse
import hashlib
import os
import random

PIECE = 4 << 20


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    arguments.add_argument("--megabytes", type=int, default=2540)
    asked = arguments.parse_args()
    chance = random.Random(7)
    unit = asked.megabytes * 1_000_000 // 20
    hub = os.path.join(asked.folder, "huggingface", "hub")
    first = repository(hub, "org--large", [bf16(chance, 3 * unit), bf16(chance, 3 * unit)], chance)
    repository(hub, "org--small", [bf16(chance, 3 * unit)], chance)
    repository(hub, "org--quantised", [chance_bytes(chance, 2 * unit)], chance)
    shared = repository(hub, "org--base", [bf16(chance, 3 * unit)], chance)
    copied = repository(hub, "org--base-renamed", [read(shared[0])], chance)
    checkpoints = os.path.join(asked.folder, "torch", "hub", "checkpoints")
    os.makedirs(checkpoints)
    write(os.path.join(checkpoints, "copy.pth"), read(first[0]))
    assert os.path.getsize(copied[0]) == os.path.getsize(shared[0])


def repository(hub, name, contents, chance):
    at = os.path.join(hub, f"models--{name}")
    commit = hashlib.sha1(name.encode()).hexdigest()
    for part in ("blobs", "refs", f"snapshots/{commit}"):
        os.makedirs(os.path.join(at, part))
    write(os.path.join(at, "refs", "main"), [commit.encode()])
    paths = []
    small = [[chance.randbytes(400).hex().encode()] for _ in range(12)]
    for number, content in enumerate([*contents, *small]):
        paths.append(blob(at, commit, f"file-{number:02}.safetensors", content))
    return paths


def blob(at, commit, path, content):
    temporary = os.path.join(at, "blobs", "new")
    digest = write(temporary, content)
    final = os.path.join(at, "blobs", digest)
    os.rename(temporary, final)
    os.symlink(f"../../blobs/{digest}", os.path.join(at, "snapshots", commit, path))
    return final


# A byte of chance becomes a sign and the upper bits of an exponent, as often as trained weights have them.
EXPONENTS = bytes(
    value
    for value, often in (
        (0x3C, 52), (0xBC, 52), (0x3B, 34), (0xBB, 34), (0x3D, 22), (0xBD, 22), (0x3A, 14), (0xBA, 14), (0x39, 6), (0xB9, 6)
    )
    for _ in range(often)
)


def bf16(chance, size):
    for piece in chance_bytes(chance, size):
        half = len(piece) // 2
        mixed = bytearray(2 * half)
        mixed[0::2] = piece[:half]
        mixed[1::2] = piece[half : 2 * half].translate(EXPONENTS)
        yield bytes(mixed)


def chance_bytes(chance, size):
    while size > 0:
        piece = min(PIECE, size)
        size -= piece
        yield chance.randbytes(piece)


def read(path):
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            yield piece


def write(path, pieces):
    digest = hashlib.sha256()
    with open(path, "wb") as file:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


if __name__ == "__main__":
    main()
