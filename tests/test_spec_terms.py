"""The tables of terms in the specification are the declarations in the code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from minidec.coders import labels as minidec_labels

from sofc.coders.context import terms as context
from sofc.coders.dct import terms as dct
from sofc.coders.labels import terms as labels
from sofc.entropy.contexts import NamedTerm

SPEC = Path(__file__).parents[1] / "spec" / "coders"


def section(name: str, heading: str) -> str:
    text = (SPEC / name).read_text(encoding="utf-8")
    return re.split(rf"^## {re.escape(heading)}$", text, flags=re.MULTILINE)[1].split("\n## ")[0]


def table(text: str) -> Iterator[tuple[int, str]]:
    """Number and term of each pair of columns; several numbers of one term, which are those without a name, are left
    out."""
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            for number, term in zip(cells[0::3], cells[1::3], strict=False):
                if number.isdigit():
                    yield int(number), term


@pytest.mark.parametrize(
    ("name", "heading", "terms"),
    [
        ("context.md", "Terms", context.Term),
        ("dct.md", "Terms of coefficients", dct.Term),
        ("dct.md", "Coded diagonals", dct.BlockTerm),
    ],
)
def test_terms(name: str, heading: str, terms: type[NamedTerm]) -> None:
    assert dict(table(section(name, heading))) == {int(term): term.formula for term in terms}


def test_contexts_of_coefficients() -> None:
    """The lists of contexts are part of the format: the coder names them by how many are used."""
    rows = [line.split("|")[1:-1] for line in section("dct.md", "Contexts").splitlines() if re.match(r"\| \d", line)]
    for column, contexts in ((1, dct.CONTEXTS), (2, dct.BLOCK_CONTEXTS)):
        written = [[int(term) for term in row[column].split(",")] for row in rows]
        assert written == [[term for term in context if term != dct.NO_TERM] for context in contexts.tolist()]


def test_contexts_of_labels() -> None:
    """In the specification by name, in its small decoder by number."""
    text = " ".join(section("labels.md", "Terms").split())
    written = re.split(r"contexts are | Each has", text)[1].rstrip(".").split("; ")
    contexts = [tuple(labels.Term[name] for name in names.split()) for names in written]
    assert contexts == list(labels.CONTEXTS)
    assert contexts == minidec_labels.CONTEXTS
