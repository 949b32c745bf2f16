"""Names of many images in one file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sofc.collection import RUN_ROOM, names_in, names_metadata
from sofc.container.records import Metadata, MetadataKind
from sofc.errors import UsageError

NUMBERED = st.builds(
    lambda before, first, digits, count, after: [
        f"{before}{number:0{digits}d}{after}" for number in range(first, first + count)
    ],
    st.text("a0/é", max_size=3),
    st.integers(0, 1002),
    st.integers(1, 4),
    st.integers(1, 12),
    st.sampled_from(["", ".png", "-b"]),
)
NAMES = st.lists(st.one_of(NUMBERED, st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"])), max_size=3)))


@given(NAMES)
def test_names_come_back(lists: list[list[str]]) -> None:
    names = [name for part in lists for name in part]
    if names:
        assert names_in([names_metadata(names)]) == names


def test_numbered_names_are_one_line() -> None:
    names = [f"slices/{number:03d}.dcm" for number in range(8, 1012)]
    item = names_metadata(["cover.png", *names, "last.png"])
    assert item.value == b"cover.png\nslices/\r008\r1004\r.dcm\nlast.png"
    assert names_in([item]) == ["cover.png", *names, "last.png"]


@pytest.mark.parametrize(
    "line",
    [
        "a\r1\r2",
        "a\r1\r2\rb\rc",
        "a\r\r2\rb",
        "a\rx\r2\rb",
        "a\r1\r-2\rb",
        "a\r1234567890\r2\rb",
        f"a\r1\r{RUN_ROOM // 64}\rb",
        "a\r1\r99999999999\rb",
    ],
)
def test_what_is_no_run_is_a_name(line: str) -> None:
    item = Metadata(MetadataKind.NAMES, "", f"first\n{line}".encode())
    assert names_in([item]) == ["first", line]


def test_runs_cannot_ask_for_much_memory() -> None:
    """Together they stand for bounded text, however often they are repeated and however long they are."""
    count = RUN_ROOM // (64 + 10) // 2 + 1
    line = f"\r0\r{count}\r"
    names = names_in([Metadata(MetadataKind.NAMES, "", "\n".join([line] * 50).encode())])
    assert len(line) == 10 and len(names) == count + 49
    long = "x" * (1 << 20) + "\r0\r100\r"
    assert names_in([Metadata(MetadataKind.NAMES, "", long.encode())]) == [long]


def test_what_would_be_too_long_a_run_is_kept_as_names() -> None:
    names = ["x" * (1 << 20) + f"{number}" for number in range(70)]
    assert names_in([names_metadata(names)]) == names


@pytest.mark.parametrize("name", ["a\nb", "a\rb"])
def test_line_breaks_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="line break"):
        names_metadata([name])
