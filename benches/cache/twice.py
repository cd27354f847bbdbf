#!/usr/bin/env python3
"""Makes a project with much stored twice: `twice.py FOLDER` (3.3 GB, about 3,030 files, 1,009 of them redundant).

`FOLDER/project` has a cache and `./models`, `FOLDER/home` what libraries leave there. Of the equal pairs every second one can be
seen from names: blobs of hubs and of ollama, files that `local_dir=` brought with their notes. The others are plain copies.
Between them lie files of one size with equal ends and another middle, and two kinds that are equal and must not be touched: an
unfinished download, and references. The last line says what can be freed. The same numbers give the same bytes.
"""

import argparse
import hashlib
import os
import random
import time

COMMIT = "1" * 40
MIB = 1 << 20


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder")
    root = arguments.parse_args().folder
    chance = random.Random(11)
    hub = os.path.join(root, "project/.cache/huggingface/hub")
    other_hub = os.path.join(root, "home/.cache/huggingface/hub")
    models = os.path.join(root, "project/models")
    frees = 0
    files = 0

    # Weights: 9 that are stored twice, 3 that are not.
    sizes = [239, 178, 161, 150, 146, 129, 117, 88, 33]
    for number, size in enumerate(sizes):
        content = chance.randbytes(size * MIB + number)
        repository = f"models--org--large-{number}"
        blob(hub, repository, "model.safetensors", content)
        copy = [
            lambda: local(os.path.join(models, f"large-{number}"), "model.safetensors", content),
            lambda: write(os.path.join(root, f"project/.cache/torch/hub/checkpoints/large-{number}.pt"), content),
            lambda: write(os.path.join(root, f"home/.ollama/models/blobs/sha256-{sha256(content)}"), content),
            lambda: write(os.path.join(root, f"home/.cache/whisper/large-{number}.pt"), content),
            lambda: blob(other_hub, repository, "model.safetensors", content),
        ][number % 5]
        copy()
        frees += len(content)
        files += 2
    for number, size in enumerate([300, 200, 100]):
        blob(hub, f"models--org--alone-{number}", "model.safetensors", chance.randbytes(size * MIB))
        files += 1

    # Small files: 1,000 that are stored twice, 1,000 that are not.
    for number in range(1000):
        content = chance.randbytes(2000 + 23 * number)
        repository = f"models--org--small-{number // 50}"
        blob(hub, repository, f"file-{number:04}.json", content, git=True)
        if number % 2 == 0:
            local(os.path.join(models, f"small-{number // 50}"), f"file-{number:04}.json", content)
        else:
            write(os.path.join(models, f"plain/file-{number:04}.json"), content)
        write(os.path.join(root, f"project/.cache/torch/hub/other/file-{number:04}.py"), chance.randbytes(2000 + 23 * number))
        frees += len(content)
        files += 3

    # Equal ends, another middle.
    content = bytearray(chance.randbytes(20 * MIB))
    for number in range(4):
        content[10 * MIB] = number
        write(os.path.join(root, f"project/.cache/torch/hub/checkpoints/almost-{number}.pt"), content)
        files += 1

    # Equal, and not to be touched.
    content = chance.randbytes(36 * MIB)
    for number in range(2):
        write(os.path.join(hub, "models--org--large-0/blobs", f"{sha256(content)}.{number:08x}.incomplete"), content)
        files += 1
    print(f"{files} files, {frees} bytes can be freed")


def blob(hub, repository, name, content, git=False):
    at = os.path.join(hub, repository)
    if git:
        digest = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    else:
        digest = sha256(content)
    write(os.path.join(at, "blobs", digest), content)
    write(os.path.join(at, "refs", "main"), COMMIT.encode())
    link = os.path.join(at, "snapshots", COMMIT, name)
    os.makedirs(os.path.dirname(link), exist_ok=True)
    os.symlink(f"../../blobs/{digest}", link)


def local(folder, name, content):
    write(os.path.join(folder, name), content)
    digest = sha256(content) if name.endswith("safetensors") else hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    note = f"{COMMIT}\n{digest}\n{time.time()}\n"
    write(os.path.join(folder, ".cache/huggingface/download", name + ".metadata"), note.encode())


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)


if __name__ == "__main__":
    main()
