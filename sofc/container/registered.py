"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("75c5bf05539ebb859c0ff9b92493d05e"), "binary"),
    2: CodebookReference(bytes.fromhex("793a12c8b56956fc13104090232eea2a"), "common"),
    3: CodebookReference(bytes.fromhex("18e43f9571c964b4d16daa99dc478c0b"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
