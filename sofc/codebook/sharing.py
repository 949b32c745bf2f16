"""Codebooks that people pass on: folders and URLs where they are, by id, with their signatures.

Decoding never looks there: a codebook is brought from a place once, by name of the place, and installed.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sofc.codebook import signing
from sofc.codebook.model import REFERENCE_SIZE, Codebook
from sofc.codebook.store import SUFFIX
from sofc.errors import CodebookError, FormatError, LimitError, SofcError, UnsupportedError, UsageError
from sofc.files import replacing
from sofc.limits import Limits
from sofc.places import StorePath, place_of, without_credentials

PLACES_VARIABLE, KEYS_VARIABLE = "SOFC_CODEBOOK_PLACES", "SOFC_CODEBOOK_KEYS"
_ID = re.compile(r"[0-9a-fA-F]{32,64}")


class Found(NamedTuple):
    """A codebook, where it is, without credentials, and who has signed it: None where that was not asked for."""

    where: str
    codebook: Codebook
    signed: signing.Signed | None


def setting(variable: str) -> list[str]:
    """The words of an environment variable; one with spaces in it stands in quotation marks. Raises UsageError."""
    try:
        return shlex.split(os.environ.get(variable, ""), posix=os.name != "nt")
    except ValueError as error:
        raise UsageError(f"{variable}: {error}") from None


def file_name(codebook: Codebook) -> str:
    """What the file of a codebook is called where it is to be found by id."""
    return f"{codebook.id[:REFERENCE_SIZE].hex()}{SUFFIX}"


def share(codebook: Codebook, folder: Path, signature: bytes | None) -> Path:
    """Put a codebook, and its signature if it has one, into a folder from which others get it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(codebook)
    with replacing(path) as file:
        file.write(codebook.to_bytes())
    if signature is not None:
        with replacing(path.with_name(path.name + signing.SUFFIX)) as file:
            file.write(signature)
    return path


def find(wanted: str, places: Sequence[str], keys: Sequence[Any] | None, limits: Limits | None = None) -> Found:
    """The codebook with an id, of 32 hexadecimal digits or more, in the first of the places that has it; or the one in
    a file or at a URL. With ``keys`` it must be signed by one of them.

    Raises OSError, FormatError or UsageError for what was named itself, CodebookError where no place has it.
    """
    limits = limits or Limits()
    if not _ID.fullmatch(wanted):
        return _read(wanted, keys, limits)
    if not places:
        raise UsageError(f"where is codebook {wanted}? Name folders or URLs with --from, or in {PLACES_VARIABLE}")
    refused: list[str] = []
    for place in places:
        where = f"{place.rstrip('/')}/{wanted[: 2 * REFERENCE_SIZE].lower()}{SUFFIX}"
        try:
            found = _read(where, keys, limits)
        except FileNotFoundError:
            refused.append(f"{without_credentials(place)} does not have it")
            continue
        except OSError as error:
            refused.append(f"{without_credentials(where)}: {error.strerror or error}")
            continue
        except SofcError as error:
            refused.append(str(error))
            continue
        if found.codebook.id.hex().startswith(wanted.lower()):
            return found
        refused.append(f"{found.where} is another codebook, id {found.codebook.id.hex()}")
    raise CodebookError(f"codebook {wanted} is not to be had: {'; '.join(refused)}")


def _read(where: str, keys: Sequence[Any] | None, limits: Limits) -> Found:
    data = _bytes_of(where, limits.max_codebook_bytes)
    shown, signed = without_credentials(where), None
    if keys is not None:
        try:
            signature = _bytes_of(where + signing.SUFFIX, signing.MOST_BYTES)
        except FileNotFoundError:
            raise FormatError(f"{shown} has no signature: there is no {shown}{signing.SUFFIX}") from None
        signed = signing.verified(shown, data, signature, keys)
    try:
        return Found(shown, Codebook.from_bytes(data, limits=limits), signed)
    except (FormatError, UnsupportedError, LimitError) as error:
        raise type(error)(f"{shown}: {error}") from None


def _bytes_of(where: str, most: int) -> bytes:
    """The bytes of a file or of what a URL names. Raises OSError, FormatError for more than ``most``, UsageError."""
    place = place_of(where)
    if isinstance(place, StorePath):
        data = place.read_first(most + 1)
    else:
        with place.open("rb") as file:
            data = file.read(most + 1)
    if len(data) > most:
        raise FormatError(f"{without_credentials(where)} has more than {most} bytes")
    return data
