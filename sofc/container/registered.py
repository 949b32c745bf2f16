"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("75c5bf05539ebb859c0ff9b92493d05e"), "binary"),
    2: CodebookReference(bytes.fromhex("a8f84662c95545a0a7df33b721438cbb"), "common"),
    3: CodebookReference(bytes.fromhex("8a6cf72b764f1e3bf4dff6f25e96a8f5"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
