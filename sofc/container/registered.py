"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("85ac5f9fd324a9619e6aaf4c442eb7e0"), "binary"),
    2: CodebookReference(bytes.fromhex("367d5b6cf932ea79fc49178c722d71eb"), "common"),
    3: CodebookReference(bytes.fromhex("ab1845036f73603260e188df7e5e5924"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
