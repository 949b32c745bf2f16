"""Signatures of codebook files in the form of minisign, whose tool makes the keys and verifies them, too.

Keys and signatures: https://jedisct1.github.io/minisign. Needs the extra ``signing``.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sofc.errors import FormatError, UsageError

SUFFIX = ".minisig"
MOST_BYTES = 1 << 14
"""Of a signature or a key: larger ones are not read."""
_KEY_LETTERS = 56
"""Of a public key as one line of text."""


class Signed(NamedTuple):
    """Who has signed, by the id that minisign shows of a key, and what the signature says besides (the trusted
    comment)."""

    key: str
    comment: str


def minisign() -> Any:
    """The library. Raises UsageError where it is not installed."""
    try:
        import minisign as library
    except ModuleNotFoundError:
        raise UsageError('signatures need py-minisign: pip install "sofc[signing]"') from None
    return library


def public_key(text: str) -> Any:
    """The public key in a file, or in the line of text that begins with RW. Raises UsageError, OSError."""
    library = minisign()
    is_line = len(text) == _KEY_LETTERS and text.startswith("RW")
    try:
        return library.PublicKey.from_base64(text) if is_line else library.PublicKey.from_bytes(read_small(Path(text)))
    except library.Error as error:
        raise UsageError(f"{text}: no public key of minisign: {error}") from None


def sign(data: bytes, key: Path, comment: str, password: Callable[[], str]) -> bytes:
    """The file of a signature, which says ``comment``, by a secret key of minisign; ``password`` is asked for where the
    key has one. The same data, key and comment give the same bytes. Raises UsageError, OSError."""
    library = minisign()
    try:
        with library.SecretKey.from_bytes(read_small(key)) as secret:
            if secret.is_encrypted():
                secret.decrypt(password())
            # What is signed is a digest of the data, as minisign itself has it.
            signature = secret.sign(
                data, prehash=True, untrusted_comment="signature of a sofc codebook", trusted_comment=comment
            )
    except library.Error as error:
        raise UsageError(f"{key}: cannot sign with it: {error}") from None
    return bytes(signature) + b"\n"


def verified(name: str, data: bytes, signature: bytes, keys: Sequence[Any]) -> Signed:
    """Who has signed the file ``name``. Raises FormatError where none of the keys has signed what it holds."""
    library = minisign()
    try:
        found = library.Signature.from_bytes(signature)
    except library.Error as error:
        raise FormatError(f"{name}{SUFFIX} is no signature of minisign: {error}") from None
    signer = _key_id(bytes(found).splitlines()[1])
    trusted = {_key_id(key.to_base64()): key for key in keys}
    if signer not in trusted:
        raise FormatError(f"{name} is signed with the key {signer}, not with {' or '.join(trusted)}, which is trusted")
    try:
        trusted[signer].verify(data, found)
    except library.Error:
        raise FormatError(f"{name} does not match its signature: one of both was changed") from None
    return Signed(signer, found.trusted_comment)


def read_small(path: Path) -> bytes:
    """The bytes of a file that has few. Raises OSError, FormatError."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise FormatError(f"{path} is too large to be a key or a signature")
    return data


def _key_id(line: bytes) -> str:
    """The id in a line of a key or a signature: behind two letters that name an algorithm."""
    return base64.b64decode(line)[2:10][::-1].hex().upper()
