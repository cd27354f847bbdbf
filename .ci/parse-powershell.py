"""Parse PowerShell files and fail on what does not parse: a tripwire where no PowerShell can run."""

import sys

import tree_sitter_powershell
from tree_sitter import Language, Parser


def broken(node):
    """Yield the nodes that the grammar could not make sense of."""
    if node.is_missing or node.type == "ERROR":
        yield node
    for child in node.children:
        if child.has_error or child.is_missing:
            yield from broken(child)


def main(paths):
    parser = Parser(Language(tree_sitter_powershell.language()))
    found = 0
    for path in paths:
        with open(path, "rb") as file:
            tree = parser.parse(file.read())
        for node in broken(tree.root_node):
            line, column = node.start_point
            print(f"{path}:{line + 1}:{column + 1}: does not parse as PowerShell")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
