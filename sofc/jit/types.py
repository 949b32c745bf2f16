"""Types of kernels' parameters: arrays with their dtype and number of dimensions, from which signatures are read.

``Vector[np.int32]`` is for type checkers an array of int32, and tells the compiler that it has one dimension. What a
kernel is compiled for stands in its annotations alone.
"""

from __future__ import annotations

from collections.abc import Callable
from types import UnionType
from typing import Annotated, Any, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import numpy.typing as npt

from sofc.jit.native import BOOLEAN, INTEGER, REAL, Kinds

Item = TypeVar("Item", bound=np.generic)

Vector: TypeAlias = Annotated[npt.NDArray[Item], 1]
"""A contiguous array of one dimension."""
Table: TypeAlias = Annotated[npt.NDArray[Item], 2]
"""A contiguous array of two dimensions."""
Cube: TypeAlias = Annotated[npt.NDArray[Item], 3]
"""A contiguous array of three dimensions."""

_SCALARS: dict[Any, str] = {bool: BOOLEAN, int: INTEGER, float: REAL}


def signatures(function: Callable[..., Any]) -> list[Kinds]:
    """The kinds of the parameters that a kernel's annotations name.

    One signature; where annotations are unions, one for the first member of each, one for the second, and so on.
    Raises TypeError for an annotation that does not say dtype and dimensions.
    """
    hints = get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    return [
        tuple(_kind(hint, choice) for hint in hints.values()) for choice in range(max(map(_choices, hints.values())))
    ]


def _fields(hint: Any) -> list[Any]:
    return list(get_type_hints(hint, include_extras=True).values())


def _is_tuple(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, tuple)


def _choices(hint: Any) -> int:
    """How many members its unions have."""
    if get_origin(hint) in (Union, UnionType):
        return len(get_args(hint))
    return max(map(_choices, _fields(hint))) if _is_tuple(hint) else 1


def _kind(hint: Any, choice: int) -> Any:
    if get_origin(hint) in (Union, UnionType):
        hint = get_args(hint)[choice]
    if hint in _SCALARS:
        return _SCALARS[hint]
    if _is_tuple(hint):
        return hint, tuple(_kind(field, choice) for field in _fields(hint))
    if get_origin(hint) is Annotated:
        array, dimensions = get_args(hint)
        (item,) = get_args(get_args(array)[1])
        return np.dtype(item).str, dimensions
    raise TypeError(f"{hint} does not say what a kernel is compiled for: use Vector, Table or Cube")
