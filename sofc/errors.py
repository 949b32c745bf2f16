"""Every error that sofc raises on purpose. Any other exception leaving the library is a bug."""

from __future__ import annotations


class SofcError(Exception):
    """Base of all errors of sofc.

    ``offset`` is the byte position in the file and ``chunk`` the chunk type where the trouble was
    found, each None where it does not apply.
    """

    def __init__(self, message: str, *, offset: int | None = None, chunk: str | None = None) -> None:
        self.offset = offset
        self.chunk = chunk
        where = []
        if chunk is not None:
            where.append(f"chunk {chunk!r}")
        if offset is not None:
            where.append(f"byte {offset}")
        super().__init__(f"{message} ({', '.join(where)})" if where else message)


class UsageError(SofcError, ValueError):
    """The caller's arguments or order of calls are wrong."""


class FormatError(SofcError, ValueError):
    """The bytes break the specification."""


class NotSofcError(FormatError):
    """The bytes do not begin with the signature of a sofc file or codebook."""


class ChecksumError(FormatError):
    """A chunk or the samples of a band do not match their check."""


class TruncatedError(FormatError, EOFError):
    """The bytes end before the file does."""


class UnsupportedError(SofcError):
    """The bytes may be valid but use something this version does not know."""


class CodebookError(SofcError, LookupError):
    """A codebook is missing or is not the one that is wanted."""

    def __init__(self, message: str, *, codebook_id: bytes | None = None) -> None:
        self.codebook_id = codebook_id
        super().__init__(message)


class LimitError(SofcError):
    """The bytes are well formed but ask for more than the limits allow."""


def locate(error: SofcError, offset: int) -> SofcError:
    """The same error, saying where in the file it was found."""
    if error.offset is None:
        error.offset = offset
        error.args = (f"{error} (byte {offset})",)
    return error
