"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("75c5bf05539ebb859c0ff9b92493d05e"), "binary"),
    2: CodebookReference(bytes.fromhex("d5d13a5e32d808a4b4c2eada08175374"), "common"),
    3: CodebookReference(bytes.fromhex("06d06c1415fdc7973339753666d20706"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
