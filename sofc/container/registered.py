"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("95c4436c4c8d4a3b33cd971f6009dc86"), "binary"),
    2: CodebookReference(bytes.fromhex("c98dc782a55d8a8ed6740a6864ef03c8"), "common"),
    3: CodebookReference(bytes.fromhex("676654716fec446b224e780d36a9af20"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
