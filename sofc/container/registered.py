"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("11675ed4acf379dfa465360bb4d4f174"), "binary"),
    2: CodebookReference(bytes.fromhex("4772266d974e3a388707813b7fcd56e2"), "common"),
    3: CodebookReference(bytes.fromhex("e8dec160e1124124179ac351bfab795f"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
