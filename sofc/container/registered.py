"""The register of built-in codebooks: numbers that a file may name instead of an id. Part of the format.

tools/train_builtin.py writes the ids here, into the specification and into its decoder.
"""

from __future__ import annotations

from sofc.container.records import CodebookReference

REGISTERED = {
    1: CodebookReference(bytes.fromhex("605a4809306590e7df3a9e640b4fc9c1"), "binary"),
    2: CodebookReference(bytes.fromhex("cba1011933cef28203bb8797f1d5b5ee"), "gray"),
    3: CodebookReference(bytes.fromhex("75e6ad3f4898626ca85c394b1bed5008"), "colour"),
    4: CodebookReference(bytes.fromhex("7733769cf39585b0a83c17341f806972"), "deep"),
}
NUMBERS = {reference.id: number for number, reference in REGISTERED.items()}
