"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("b8a74ddaeea789e6bd5d6b2beba879ed"), "binary"),
    2: CodebookReference(bytes.fromhex("2504982b66de59e85743ac30028c816e"), "common"),
    3: CodebookReference(bytes.fromhex("95b9b19a3cbcc43a83b8fc719cdd5c31"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
