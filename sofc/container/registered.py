"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("cd58e14a9ac86d78c38751b690639ae5"), "binary"),
    2: CodebookReference(bytes.fromhex("dcea4d8bee0169f8f4fc11984e4e228b"), "common"),
    3: CodebookReference(bytes.fromhex("e7609b800c7d2e32c73a7c8818831b81"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
