"""Run a command and write `SECONDS CPU-SECONDS PEAK-KIB` of it, its children included: what wait4 says.

    measure.py FILE COMMAND...

The peak is that of the largest process. Linux counts the pages of the process that started it too, until it becomes
another program: nothing below this interpreter's own 10 MB can be told apart.
"""

import os
import resource
import shutil
import sys
import time


def main(target, command):
    program = shutil.which(command[0])
    if program is None:
        sys.exit(f"{command[0]} is not on this machine")
    begun = time.perf_counter()
    child = os.posix_spawn(program, command, os.environ)
    _, status, usage = os.wait4(child, 0)
    wall = time.perf_counter() - begun
    # Python counts what its children's children used only after the children were waited for: the same numbers.
    total = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(target, "w", encoding="ascii") as file:
        print(f"{wall:.4f} {total.ru_utime + total.ru_stime:.4f} {usage.ru_maxrss}", file=file)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
