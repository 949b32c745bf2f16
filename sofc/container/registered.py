"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("b8a74ddaeea789e6bd5d6b2beba879ed"), "binary"),
    2: CodebookReference(bytes.fromhex("36d6b28e9642ef268544c57bd89d59a6"), "common"),
    3: CodebookReference(bytes.fromhex("76fbae7273764b63602607c1c098fa1d"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
