"""The check by decoding: it draws nothing again that is drawn of the same, and still finds what decodes otherwise."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import sofc
from sofc.codebook.builtin import builtin_codebook
from sofc.coders.dct import coder
from sofc.coders.dct.kernel_prediction import Component
from sofc.entropy.binary import Reader
from sofc.jpeg.dct import Grid
from sofc.jpeg.origin import Origin, standard_table

needs_speed = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="codes whole images: slow")
SHAPE = 64, 80


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    """Two images that JPEG decoders made, with enlarged colours."""
    down, across = np.mgrid[: SHAPE[0], : SHAPE[1]]
    found = []
    for number in range(2):
        waves = [120 + 70 * np.sin(down / (7 + k) + number) * np.cos(across / (11 - k)) for k in range(3)]
        noise = np.random.default_rng(number).normal(0, 5, (*SHAPE, 3))
        file = io.BytesIO()
        image = np.clip(np.stack(waves, axis=2) + noise, 5, 250).astype(np.uint8)
        Image.fromarray(image).save(file, "JPEG", quality=85, subsampling="4:2:0")
        found.append(np.asarray(Image.open(file)))
    return found


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was made so far that the check would make again."""
    made: list[str] = []

    def spy(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def noted(*arguments: Any) -> Any:
            made.append(name)
            return real(*arguments)

        monkeypatch.setattr(owner, name, noted)

    spy(Origin, "_draw")
    spy(coder, "referred")
    yield made


@needs_speed
@pytest.mark.parametrize("together", [False, True])
def test_the_check_draws_nothing_again(images: list[np.ndarray], drawn: list[str], together: bool) -> None:
    """Of single images and of groups; the file is the same."""
    files, counts = [], []
    for verify in (False, True):
        drawn.clear()
        given = np.stack(images) if together else images[0]
        files.append(sofc.encode(given, batch=together, codebook=builtin_codebook, verify=verify))
        counts.append(len(drawn))
    assert files[0] == files[1] and counts[0] == counts[1] > 0 and "referred" in drawn
    drawn.clear()
    sofc.decode(files[0])
    assert len(drawn) > 0


def _other_coefficient(component: Component) -> None:
    component.coefficients[1, 1, 0] += 1


def _other_value(component: Component) -> None:
    component.values[2, 2, 0] += 8


@needs_speed
@pytest.mark.parametrize("change", [_other_coefficient, _other_value])
def test_the_check_finds_what_decodes_otherwise(
    images: list[np.ndarray], monkeypatch: pytest.MonkeyPatch, change: Callable[[Component], None]
) -> None:
    """A kernel that decodes one coefficient otherwise, or leaves another value for others to refer to."""
    real = coder.code_component

    def code(stream: Any, model: Any, state: Any, component: Component, *rest: Any) -> int:
        status = real(stream, model, state, component, *rest)
        if isinstance(stream, Reader):
            change(component)
        return status

    monkeypatch.setattr(coder, "code_component", code)
    with pytest.raises(sofc.SofcError, match="does not decode to its samples"):
        sofc.encode(images[0], codebook=builtin_codebook)


def test_what_was_drawn_is_of_what_it_was_drawn_of() -> None:
    """Whatever is changed later, and whatever else differs."""
    own = Origin.empty(Grid(1, 1, 0, 0), standard_table(50), SHAPE)
    other = replace(own, coefficients=own.coefficients.copy())
    assert not own.was_drawn_as(other, SHAPE)
    own.draw_and_keep(SHAPE)
    assert own.was_drawn_as(other, SHAPE) and not own.was_drawn_as(other, SHAPE[::-1])
    assert not own.was_drawn_as(replace(other, table=standard_table(51)), SHAPE)
    assert not own.was_drawn_as(replace(other, grid=Grid(1, 1, 1, 0)), SHAPE)
    assert not own.was_drawn_as(replace(other, decoder=other.decoder._replace(inverse=1)), SHAPE)
    own.coefficients[0, 0, 0] += 1
    assert own.was_drawn_as(other, SHAPE)
    other.coefficients[0, 0, 0] += 1
    assert not own.was_drawn_as(other, SHAPE)
