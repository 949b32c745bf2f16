"""Spec README/notation: errors, and reading what the text's types are written as."""

from __future__ import annotations


class FormatError(Exception):
    """The file breaks a rule of the format, or exceeds this decoder's bounds."""


class MissingCodebookError(FormatError):
    """A band needs a codebook that was not given."""


class ProfileError(FormatError):
    """A file needs a profile that this decoder is not to support."""


def require(holds: bool, rule: str) -> None:
    """End with an error where a rule does not hold."""
    if not holds:
        raise FormatError(rule)


def clamp(value: int, least: int, most: int) -> int:
    """The nearest number to `value` within least .. most."""
    if value < least:
        return least
    return most if value > most else value


def check_text(data: bytes, allowed: str = "") -> str:
    """UTF-8 text without control characters but the `allowed` ones."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError("text is not UTF-8") from error
    for letter in text:
        require(letter in allowed or not (letter < " " or "\x7f" <= letter <= "\x9f"), "control character in text")
    return text


class Reader:
    """Reads fields from the front of a run of bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        require(count <= len(self.data) - self.at, "data ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "little")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def varint(self, most_bytes: int = 8) -> int:
        """A VarInt, or an integer of at most so many bytes; in shortest form."""
        value = 0
        for index in range(most_bytes):
            byte = self.u8()
            value |= (byte & 127) << (7 * index)
            if byte < 128:
                require(byte > 0 or index == 0, "integer not in its shortest form")
                require(value < 1 << 53, "integer too large")
                return value
        raise FormatError("integer too long")

    def text(self, most: int | None = None) -> str:
        size = self.varint()
        require(most is None or size <= most, "text too long")
        return check_text(self.take(size))

    def end(self) -> None:
        require(self.at == len(self.data), "bytes left over")


def write_varint(value: int) -> bytes:
    """The VarInt of a number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


class BitReader:
    """Reads bits, the most significant first, zeros past the end."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at_bit = 0

    def bit(self) -> int:
        byte = self.at_bit >> 3
        value = self.data[byte] >> (7 - self.at_bit % 8) & 1 if byte < len(self.data) else 0
        self.at_bit += 1
        return value

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = 2 * value + self.bit()
        return value
