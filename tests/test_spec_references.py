"""Every reference to a section of the specification, in the text and in the code, names one that exists.

A section is called `file/heading`: the name of its file without `.md`, and the anchor that GitHub gives its heading.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPEC = ROOT / "spec"
TEXTS = sorted(SPEC.rglob("*.md"))
LINKING = [*TEXTS, ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMING = [
    *TEXTS,
    *sorted(path for folder in ("spec", "sofc", "tools", "tests") for path in ROOT.glob(f"{folder}/**/*.py")),
]
NAMING.remove(Path(__file__))

HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
REFERENCE = re.compile(r"\bSpec ([A-Za-z-]+/[A-Za-z0-9-]+|\d[\d.]*)")
WORK = re.compile(r"\[([A-Z][\w -]+)\](?!\()")
NUMBERED = re.compile(r"\b[Ss]ections? \d+\.\d+")


def anchors(text: str) -> list[str]:
    """The anchors of a file's headings, as GitHub makes them."""
    headings = HEADING.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    return [re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings]


SECTIONS = {f"{path.stem}/{anchor}" for path in TEXTS for anchor in anchors(path.read_text())}


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def broken_links(path: Path, text: str) -> list[str]:
    """Links of a text to files of the project, or headings in them, that do not exist."""
    broken = []
    for link in LINK.findall(text):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            broken.append(link)
    return broken


@pytest.mark.parametrize("path", LINKING, ids=names)
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path, path.read_text()) == []


@pytest.mark.parametrize("path", TEXTS, ids=names)
def test_headings_are_unique(path: Path) -> None:
    found = anchors(path.read_text())
    assert len(found) == len(set(found))


def test_files_have_names_of_their_own() -> None:
    assert len({path.stem for path in TEXTS}) == len(TEXTS)


def test_named_sections_exist() -> None:
    wrong = [
        f"{names(path)}: {match[0]}"
        for path in NAMING
        for match in REFERENCE.finditer(path.read_text())
        if match[1] not in SECTIONS
    ]
    assert wrong == []


def test_every_section_is_carried_out_by_the_small_decoder() -> None:
    """But for what only explains."""
    rules = {
        f"{path.stem}/{anchor}"
        for path in TEXTS
        if path.stem not in ("README", "appendix-examples", "appendix-widths", "bibliography")
        for anchor in anchors(path.read_text())[1:]  # the first is the title
    }
    explaining = {name for name in rules if name.endswith("/overview")} | {"container/extension"}
    named = {match[1] for path in SPEC.rglob("*.py") for match in REFERENCE.finditer(path.read_text())}
    assert rules - explaining - named == set()


def test_works_that_are_named_stand_in_the_bibliography() -> None:
    listed = re.findall(r"^\* \*\*\[([^\]]+)\]\*\*", (SPEC / "bibliography.md").read_text(), re.MULTILINE)
    named = {match for path in TEXTS for match in WORK.findall(path.read_text())}
    assert len(listed) == len(set(listed)) and "IEEE754" in named
    assert named - set(listed) == set()


def test_no_section_is_called_by_a_number() -> None:
    assert [names(path) for path in [*NAMING, *LINKING] if NUMBERED.search(path.read_text())] == []


def test_broken_references_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# One, two\n\n## Three\n")
    text = "[a](#one-two) [b](a.md#three) [c](https://example.org/#x) [d](#four) [e](b.md)"
    assert broken_links(path, text) == ["#four", "b.md"]
    assert REFERENCE.findall("Spec 8.8. Spec context/terms. See Spec shape/no") == ["8.8.", "context/terms", "shape/no"]
    assert "container/band" in SECTIONS and "shape/no" not in SECTIONS
