"""Spec wide-samples/keys: wide samples as unsigned numbers in the order of their values, and back.

A key of b bits is below 2**b and kept in uint64. All is done on the bits, so that every one of them is kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sofc.image import SampleType

Keys = npt.NDArray[np.uint64]
"""Shape (numbers of a sample, rows, width): of complex samples the real and the imaginary part stand side by side."""

_FLOATS = (SampleType.FLOAT16, SampleType.BFLOAT16, SampleType.FLOAT32, SampleType.FLOAT64)
_NUMBERS = {SampleType.COMPLEX64: SampleType.FLOAT32, SampleType.COMPLEX128: SampleType.FLOAT64}


class Layout(NamedTuple):
    """Bits of the exponent and of the mantissa of a floating-point type."""

    exponent: int
    mantissa: int


LAYOUTS = {
    SampleType.FLOAT16: Layout(5, 10),
    SampleType.BFLOAT16: Layout(8, 7),
    SampleType.FLOAT32: Layout(8, 23),
    SampleType.FLOAT64: Layout(11, 52),
}


def number_type(wide: SampleType) -> SampleType:
    """The type of the numbers that samples consist of."""
    return _NUMBERS.get(wide, wide)


def to_keys(samples: npt.NDArray[Any], wide: SampleType) -> Keys:
    """The keys of samples of shape (rows, width) or (rows, width, components)."""
    number = number_type(wide)
    rows, width = samples.shape[:2]
    words = np.ascontiguousarray(samples).reshape(-1).view(f"u{number.bits // 8}").astype(np.uint64)
    keys = to_order(words, number).reshape(rows, width, -1)
    return np.ascontiguousarray(np.moveaxis(keys, 2, 0))


def from_keys(keys: Keys, wide: SampleType, components: int) -> npt.NDArray[Any]:
    """Inverse of to_keys; of one component shape (rows, width)."""
    number = number_type(wide)
    words = from_order(np.moveaxis(keys, 0, 2).reshape(-1), number).astype(f"u{number.bits // 8}")
    shape = keys.shape[1:] if components == 1 else (*keys.shape[1:], components)
    return words.view(wide.dtype_name).reshape(shape)


def to_order(words: Keys, number: SampleType) -> Keys:
    """Keys of bit patterns: signed integers with their sign bit inverted, floats so too, negative ones wholly."""
    if number in (SampleType.UINT32, SampleType.UINT64):
        return words
    sign = np.uint64(1 << (number.bits - 1))
    if number in _FLOATS:
        return np.where(words & sign, ~words & _ones(number.bits), words | sign)
    return words ^ sign


def from_order(keys: Keys, number: SampleType) -> Keys:
    """Inverse of to_order."""
    if number in (SampleType.UINT32, SampleType.UINT64):
        return keys
    sign = np.uint64(1 << (number.bits - 1))
    if number in _FLOATS:
        return np.where(keys & sign, keys ^ sign, ~keys & _ones(number.bits))
    return keys ^ sign


def _ones(bits: int) -> np.uint64:
    return np.uint64((1 << bits) - 1)


def widened(keys: Keys, narrow: SampleType, number: SampleType) -> Keys:
    """Spec wide-samples/narrowing. The keys, in a type of more bits, of the values that keys of a narrower one have."""
    if narrow is number:
        return keys
    words = from_order(keys, narrow)
    few, many = LAYOUTS[narrow], LAYOUTS[number]
    sign = words >> np.uint64(narrow.bits - 1)
    exponent = (words >> np.uint64(few.mantissa)).astype(np.int64) & ((1 << few.exponent) - 1)
    mantissa = words & _ones(few.mantissa)
    # A subnormal value of few bits is a normal one of many: shift its mantissa until the highest bit leaves it.
    shift = np.zeros(keys.shape, np.int64)
    subnormal = (exponent == 0) & (mantissa > 0)
    if subnormal.any():
        shift[subnormal] = few.mantissa - (np.frexp(mantissa[subnormal].astype(np.float64))[1] - 1)
        mantissa = np.where(subnormal, (mantissa << shift.astype(np.uint64)) & _ones(few.mantissa), mantissa)
    bias = (1 << (many.exponent - 1)) - (1 << (few.exponent - 1))
    wide_exponent = exponent + bias + np.where(subnormal, 1 - shift, 0)
    wide_exponent[(exponent == 0) & ~subnormal] = 0
    wide_exponent[exponent == (1 << few.exponent) - 1] = (1 << many.exponent) - 1
    result = (sign << np.uint64(number.bits - 1)) | (wide_exponent.astype(np.uint64) << np.uint64(many.mantissa))
    return to_order(result | (mantissa << np.uint64(many.mantissa - few.mantissa)), number)


def narrowed(keys: Keys, number: SampleType) -> tuple[Keys, SampleType]:
    """The keys in the narrowest type that holds all values, NaN payloads too, and that type."""
    for narrow in _narrower(number):
        few, many = LAYOUTS[narrow], LAYOUTS[number]
        if np.any(from_order(keys, number).ravel() & _ones(many.mantissa - few.mantissa)):
            continue
        with np.errstate(all="ignore"):
            values = from_order(keys, number).astype(f"u{number.bits // 8}").view(number.dtype_name)
            few_words = values.astype(narrow.dtype_name).view(f"u{narrow.bits // 8}").astype(np.uint64)
        special = ~np.isfinite(values)
        if special.any():  # whose payload a processor may change
            words = from_order(keys, number)
            top = (words >> np.uint64(number.bits - 1) << np.uint64(few.exponent)) | _ones(few.exponent)
            payload = (words & _ones(many.mantissa)) >> np.uint64(many.mantissa - few.mantissa)
            few_words = np.where(special, (top << np.uint64(few.mantissa)) | payload, few_words)
        few_keys = to_order(few_words, narrow)
        if np.array_equal(widened(few_keys, narrow, number), keys):
            return few_keys, narrow
    return keys, number


def _narrower(number: SampleType) -> tuple[SampleType, ...]:
    if number is SampleType.FLOAT64:
        return SampleType.FLOAT16, SampleType.FLOAT32
    return (SampleType.FLOAT16,) if number is SampleType.FLOAT32 else ()
