"""What a coder is: how it codes the planes of a band, and all that the rest of sofc knows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from sofc.coders.kinds import Kind, usual_transforms
from sofc.coders.training import Adaptation, CoderTraining, TrainingSettings
from sofc.errors import FormatError, UnsupportedError
from sofc.jpeg.known import Known
from sofc.planes import Plane, PlaneRange
from sofc.transforms.components import Transform

MAX_COUNTERS = 1 << 26
"""Adaptive counters of all planes of a model: what a few bytes of a codebook may make a decoder allocate."""

KernelUse = Callable[..., Any]
"""A kernel, whose annotations say what it is called with."""


class Coder(ABC):
    """Codes the planes of one band. Stateless and safe to share between threads.

    ``image_rows`` says after how many rows the next image of a group starts; for a band of one image it
    is the band's height. Prediction never crosses that border.
    """

    @property
    def planes(self) -> int | None:
        """Planes that it has models for, None where it codes any number."""
        return None

    @property
    def bit_models(self) -> int:
        """How many bit models it holds to start from, of one that ``after`` gave."""
        return 0

    @abstractmethod
    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane."""

    @abstractmethod
    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again; values always lie in ``ranges``. Raises FormatError on any stream that breaks the rules."""

    def guided_by(self, plane: Plane, bits: int) -> Coder:
        """One for planes of one image that an earlier image goes with: ``plane`` (rows, width), samples from 0 to
        2**bits - 1. Raises FormatError where the coder has no use for it."""
        raise FormatError("a band is guided by an earlier image, and its coder cannot be")

    def after(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> Coder:
        """One that starts with the state in which these streams leave this one; the rest as for ``decode``. Raises
        FormatError where they break the rules, or the coder cannot go on."""
        raise FormatError("a group goes on from an earlier one, and its coder cannot")

    def recoded(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int, by: Coder
    ) -> list[bytes]:
        """What these streams say, coded ``by`` what ``after`` gave. Raises as ``after`` does."""
        raise FormatError("a group goes on from an earlier one, and its coder cannot")

    def of_origins(self, origins: Sequence[Any]) -> Coder:
        """One for planes of which it is known how they came to be: what ``Descriptor.trace`` found of each image."""
        return self

    def placed(self, place: Callable[[], int]) -> Coder:
        """One for images whose place in the grid of JPEG's blocks is known to ``place``, which is asked where it
        matters, or for pieces of these that begin at multiples of eight rows and columns."""
        return self

    def for_tiles_of(self, image_rows: int, width: int) -> Coder:
        """One that codes tiles of images of so many rows and columns as these would be coded."""
        return self


class PlaneCoder(Coder):
    """One that codes each plane by itself."""

    @abstractmethod
    def encode_plane(self, plane: Plane, span: PlaneRange, image_rows: int) -> bytes:
        """The stream of a plane."""

    @abstractmethod
    def decode_plane(self, stream: bytes, span: PlaneRange, shape: tuple[int, int], image_rows: int) -> Plane:
        """The plane again, of ``shape``. Raises FormatError as ``decode`` does."""

    def encode(self, planes: Sequence[Plane], ranges: Sequence[PlaneRange], image_rows: int) -> list[bytes]:
        """One stream for each plane."""
        return [self.encode_plane(plane, span, image_rows) for plane, span in zip(planes, ranges, strict=True)]

    def decode(
        self, streams: Sequence[bytes], ranges: Sequence[PlaneRange], rows: int, width: int, image_rows: int
    ) -> list[Plane]:
        """The planes again. Raises FormatError where a stream breaks the rules."""
        each = zip(streams, ranges, strict=True)
        return [self.decode_plane(stream, span, (rows, width), image_rows) for stream, span in each]


class NamedCoder(Coder):
    """One that codebooks may name: ``id`` is its number in them."""

    id: ClassVar[int]
    name: ClassVar[str]

    @classmethod
    def from_sections(cls, sections: Sequence[bytes]) -> NamedCoder:
        """That of a model's sections: by default one that has none. Raises FormatError.

        Where the descriptor has ``start_adapting``, a second argument tells what each section differs by, empty where
        it does not.
        """
        if sections:
            raise UnsupportedError(f"sections of the {cls.name} coder are not known to this version of sofc")
        return cls()


Model = TypeVar("Model")


class ModelCoder(NamedCoder, Generic[Model]):
    """One that codes plane k with ``models[k]``."""

    def __init__(self, models: Sequence[Model]) -> None:
        self.models = tuple(models)

    @property
    def planes(self) -> int:
        """Planes that have models."""
        return len(self.models)


class Found(NamedTuple):
    """How the planes of images came to be, as far as it was found out: the ``origins`` of each image.

    ``share`` of the samples (0 to 1) follows from that alone, of several images in the one where it is least.
    """

    share: float
    origins: tuple[Any, ...]

    @classmethod
    def of(cls, images: Sequence[Found]) -> Found:
        """What was found of several, together."""
        return cls(min(one.share for one in images), tuple(origin for one in images for origin in one.origins))


Trace = Callable[[Sequence[Plane], Sequence[PlaneRange], int, int, Found | None], Found | None]
"""Given planes, their ranges, the rows of an image, how many planes have models, and what was found of a plane beside
them if they are coded apart, finds how they came to be."""
Prove = Callable[[Sequence[Plane], Known], Found | None]
"""Given planes of one image and what is known of how they came to be, makes sure of that."""

Weigh = Callable[[Sequence[tuple[Sequence[bytes], Sequence[bytes]]], Sequence[Any]], Sequence[int]]
"""Given the sections of models, with what each of these differs by, and the origins that were found of images, tells
about what a part of them costs by each, to be compared with each other."""


def later(module: str, name: str) -> Callable[..., Any]:
    """A function or class of a module that is imported with the first call: few processes train."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **options)

    return call


def _anything(*_: Any) -> bool:
    return True


def _nothing(*_: Any) -> bool:
    return False


@dataclass(frozen=True, eq=False)
class Descriptor:
    """One coder, as each folder of coders exports it.

    ``goes_with``: whether a model may have a transform, for images of so many components and bits. ``kernels``: those
    that coding calls, in groups that share others. ``chain`` makes of a coder one that predicts images, or components,
    from those before them. ``trace`` and ``prove`` belong to coders of planes that have a certain origin; ``weigh``
    tells about what such planes cost by each of several models.

    ``start_training`` begins that of a model; it is None for a coder that needs no codebook. ``accepts``: whether
    models can be trained for a kind of images; ``images`` says in words for which. ``unasked``: whether they are where
    no coder is named. ``transforms``: those to choose from. ``knows_lattice``: whether images on the colour lattice get
    models of their own. ``efforts``: those that its models are for. ``numbers_values``: whether models may be for the
    numbers of values. ``keeps_patches``: whether models hold parts of images. ``learns``: whether what a model knows
    grows while it codes. ``mines_networks``: whether models that are mined for images of one component may have a
    neural network at the default effort. ``start_adapting`` begins the adaptation of a model to a collection: of its
    sections, for planes of these ranges, so many images of which are to come; it is None where sections cannot be
    changed.
    """

    coder: type[NamedCoder]
    goes_with: Callable[[Transform, int, int], bool] = _anything
    kernels: Sequence[Sequence[KernelUse]] = ()
    chain: Callable[[Any], Coder] | None = None
    trace: Trace | None = None
    prove: Prove | None = None
    weigh: Weigh | None = None
    start_training: Callable[[Sequence[PlaneRange], TrainingSettings], CoderTraining] | None = None
    accepts: Callable[[Kind], bool] = _anything
    images: str = "any images"
    unasked: Callable[[Kind], bool] = _nothing
    transforms: Callable[[Kind], tuple[Transform, ...]] = usual_transforms
    knows_lattice: bool = True
    efforts: Sequence[int] = range(2, 10)
    numbers_values: bool = True
    keeps_patches: bool = False
    learns: bool = True
    mines_networks: bool = False
    start_adapting: Callable[[Sequence[bytes], Sequence[PlaneRange], int], Adaptation] | None = None

    @property
    def id(self) -> int:
        """The coder's number in codebooks."""
        return self.coder.id

    @property
    def name(self) -> str:
        """What users name it by."""
        return self.coder.name

    def from_sections(self, sections: Sequence[bytes], changes: Sequence[bytes] = ()) -> Any:
        """The coder of a model's sections, and of what each differs by, if any does. Raises FormatError."""
        if not any(changes):
            return self.coder.from_sections(sections)
        if self.start_adapting is None:
            raise FormatError(f"sections of coder {self.name} cannot be changed")
        make: Callable[..., NamedCoder] = self.coder.from_sections
        return make(sections, changes)
