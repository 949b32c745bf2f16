"""Changes of predictors: found where they pay, left out where they do not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sofc.coders.sparse_fit import fit_change

BITS = 10
SAMPLES = 4000
WEIGHTS = np.array([[700, 300, 0, 24], [512, 512, 0, 0]], np.int64)
TRUTH = np.array([[1, 0, 0, 0.02], [0.5, 0.5, 0, 0]])
"""The first predictor serves samples that another one predicts, the second those that it predicts itself."""


def equations(seed: int = 1) -> npt.NDArray[np.int64]:
    """Lower halves of normal equations of both predictors, errors having a spread of 10."""
    random = np.random.default_rng(seed)
    result = np.zeros((2, 5, 5), np.int64)
    for row in range(2):
        numbers = random.integers(-100, 101, (SAMPLES, 4))
        goal = np.rint(numbers @ TRUTH[row] + random.normal(0, 10, SAMPLES)).astype(np.int64)
        everything = np.column_stack([numbers, goal])
        result[row] = np.tril(everything.T @ everything)
    return result


def errors(found: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sum of squared errors of each predictor."""
    full = found + np.tril(found, -1).swapaxes(-1, -2)
    vector = np.column_stack([-weights, np.ones(2)])
    return np.asarray(np.einsum("ri,rij,rj->r", vector, full, vector))


def test_what_pays_is_changed_and_the_rest_is_not() -> None:
    found = equations()
    worth = np.full(2, 0.7 / 100)
    fitted = fit_change(found, WEIGHTS, BITS, worth)
    changed = WEIGHTS + (fitted.change << fitted.shift)
    before, after = errors(found, WEIGHTS / 1024), errors(found, changed / 1024)
    best = errors(found, TRUTH)
    assert after[0] < best[0] + 0.05 * (before[0] - best[0])
    assert not fitted.change[1].any()
    assert fitted.change[0, 2] == 0
    assert 0 < fitted.saved < 0.7 / 100 * (before - after).sum()


def test_nothing_changes_where_images_are_few() -> None:
    fitted = fit_change(equations(), WEIGHTS, BITS, np.full(2, 1e-8))
    assert not fitted.change.any()
    assert fitted.saved == 0


def test_predictors_without_samples_stay() -> None:
    fitted = fit_change(np.zeros((2, 5, 5), np.int64), WEIGHTS, BITS, np.ones(2))
    assert not fitted.change.any()
    assert fitted.saved == 0


def test_weights_of_a_group_keep_their_sum() -> None:
    """Though what is added to all its numbers alike would be worth a change."""
    found = equations()
    worth = np.full(2, 0.7 / 100)
    bases = np.array([0, 0, 0, -1])
    fitted = fit_change(found, WEIGHTS, BITS, worth, bases)
    assert fitted.change[0].any() and (fitted.change[:, :3].sum(axis=1) == 0).all()
    changed = WEIGHTS + (fitted.change << fitted.shift)
    # Of the truth, whose first three weights add up to one and those of the base to 1000 in 1024.
    before, after = errors(found, WEIGHTS / 1024), errors(found, changed / 1024)
    assert after[0] < before[0] - 0.9 * (before[0] - errors(found, TRUTH)[0])
    assert not fitted.change[1].any()
