"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("605a4809306590e7df3a9e640b4fc9c1"), "binary"),
    2: CodebookReference(bytes.fromhex("ac1e400ea09d47c74a650dab472d88a2"), "common"),
    3: CodebookReference(bytes.fromhex("7733769cf39585b0a83c17341f806972"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
