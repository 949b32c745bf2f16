"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("fef9e01a6342b90b3f5771645800a4c0"), "binary"),
    2: CodebookReference(bytes.fromhex("430f2c4c9cc11461a0afcec76a43f641"), "common"),
    3: CodebookReference(bytes.fromhex("c2af8d9d87d51880008be9fdac83c151"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
