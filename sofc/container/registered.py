"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("b8a74ddaeea789e6bd5d6b2beba879ed"), "binary"),
    2: CodebookReference(bytes.fromhex("2586701bb9934d9598ae221a98ec3e90"), "common"),
    3: CodebookReference(bytes.fromhex("c90bbc9cf698270f0cb55b06977595ce"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
