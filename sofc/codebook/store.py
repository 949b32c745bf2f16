"""Where codebooks are found on this machine. Never on a network.

Search order: those given by the caller; those that come with the package; the files and folders of
``SOFC_CODEBOOK_PATH``; beside the image file and in its folder ``codebooks``; the user's data folder. A codebook file
is named after the first 16 bytes of its id in hexadecimal, or after its name, with the suffix ``.sofcb``. The name
only helps to find it: the id decides.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sofc.codebook.builtin import FOLDER, find_builtin
from sofc.codebook.model import REFERENCE_SIZE, Codebook
from sofc.container.records import CodebookReference
from sofc.errors import CodebookError, FormatError, LimitError, SofcError, UnsupportedError
from sofc.files import replacing
from sofc.limits import Limits
from sofc.places import Place

_LOG = logging.getLogger(__name__)
SUFFIX = ".sofcb"
SEARCH_PATH_VARIABLE = "SOFC_CODEBOOK_PATH"


def user_folder() -> Path:
    """Where installed codebooks live."""
    import platformdirs

    return Path(platformdirs.user_data_dir("sofc", appauthor=False)) / "codebooks"


def read_codebook(path: Place, *, limits: Limits | None = None) -> Codebook:
    """The codebook of one file. Raises OSError, or what Codebook.from_bytes raises."""
    limits = limits or Limits()
    with path.open("rb") as file:
        # One byte more than allowed is enough for the limit to be noticed.
        return Codebook.from_bytes(file.read(limits.max_codebook_bytes + 1), limits=limits)


def find_codebook(
    reference: CodebookReference,
    *,
    given: Iterable[Codebook] = (),
    beside: Path | None = None,
    limits: Limits | None = None,
) -> Codebook:
    """The codebook that a file refers to; ``beside`` is the folder in which the file stands.

    Raises CodebookError naming the id, the name and every place searched.
    """
    for codebook in given:
        if codebook.id[:REFERENCE_SIZE] == reference.id:
            return codebook
    if (builtin := find_builtin(reference.id)) is not None:
        return builtin
    searched: list[str] = []
    rejected: list[str] = []
    for place in _places(beside):
        searched.append(str(place))
        for path in _candidates(place, reference):
            try:
                codebook = read_codebook(path, limits=limits)
            except (OSError, SofcError) as error:
                rejected.append(f"{path}: {error}")
                continue
            if codebook.id[:REFERENCE_SIZE] == reference.id:
                _LOG.info("codebook %r found: %s", codebook.name, path)
                return codebook
            if not place.is_file():
                rejected.append(f"{path}: another codebook, id {codebook.id[:REFERENCE_SIZE].hex()}")
    message = (
        f"codebook {reference.name!r} with id {reference.id.hex()} is missing; searched: {', '.join(searched)}. "
        f"Get the file {reference.name or reference.id.hex()}{SUFFIX} and run: sofc codebook install FILE, or: sofc "
        f"codebook import {reference.id.hex()}"
    )
    raise CodebookError(_and_unusable(message, rejected), codebook_id=reference.id)


def load_codebook(path_or_name: str | os.PathLike[str]) -> Codebook:
    """A codebook by path, or by the name or the beginning of the hexadecimal id of one that is installed.

    Raises CodebookError where there is none or more than one, else what reading it raises.
    """
    path = Path(path_or_name)
    if path.is_file():
        try:
            return read_codebook(path)
        except (FormatError, UnsupportedError, LimitError) as error:
            raise type(error)(f"codebook {path}: {error}") from error
    wanted = os.fspath(path_or_name)
    unusable: list[str] = []
    found = {codebook.id: codebook for _, codebook in list_codebooks(unusable) if _answers_to(codebook, wanted)}
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        ids = ", ".join(sorted(id.hex()[:32] for id in found))
        raise CodebookError(f"{len(found)} codebooks are called {wanted!r}: name one by its id: {ids}")
    places = ", ".join(str(place) for place in _places(None))
    kind = "that is a folder: name one of its files" if path.is_dir() else "no such file"
    message = (
        f"there is no codebook {wanted!r}: {kind}, and none of that name or id is in {places}. Run: sofc codebook list"
    )
    raise CodebookError(_and_unusable(message, unusable))


def _and_unusable(message: str, unusable: Sequence[str]) -> str:
    """The message, with what is there and why it does not serve."""
    return f"{message}. Not usable: {'; '.join(unusable)}" if unusable else message


def _answers_to(codebook: Codebook, wanted: str) -> bool:
    return codebook.name == wanted or (len(wanted) >= 6 and codebook.id.hex().startswith(wanted.lower()))


def install_codebook(data: bytes) -> Path:
    """Check a codebook, put it into the user's data folder under its id, and say where.

    Raises OSError, or what Codebook.from_bytes raises.
    """
    codebook = Codebook.from_bytes(data)
    folder = user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{codebook.id[:REFERENCE_SIZE].hex()}{SUFFIX}"
    with replacing(path) as file:
        file.write(data)
    return path


def list_codebooks(unusable: list[str] | None = None) -> list[tuple[Path, Codebook]]:
    """Every readable codebook of the search path, the user's data folder and the package.

    ``unusable`` gets the paths of the others, such as those of another draft of the format, each with the reason.
    """
    found = []
    for place in (*_places(None), FOLDER):
        paths = [place] if place.is_file() else sorted(place.glob(f"*{SUFFIX}"))
        for path in paths:
            try:
                found.append((path, read_codebook(path)))
            except (OSError, SofcError) as error:
                if unusable is not None:
                    unusable.append(f"{path}: {error}")
    return found


def _places(beside: Path | None) -> Iterator[Path]:
    for entry in os.environ.get(SEARCH_PATH_VARIABLE, "").split(os.pathsep):
        if entry:
            yield Path(entry)
    if beside is not None:
        yield beside
        yield beside / "codebooks"
    yield user_folder()


def _candidates(place: Path, reference: CodebookReference) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    names = [f"{reference.id.hex()}{SUFFIX}"]
    # The name comes from an untrusted file: it must not lead out of the folder.
    if reference.name and Path(reference.name).name == reference.name and "\\" not in reference.name:
        names.append(f"{reference.name}{SUFFIX}")
    for name in names:
        path = place / name
        if path.is_file():
            yield path
