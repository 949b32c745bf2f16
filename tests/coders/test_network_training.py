"""What trainings of networks have in common."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import random_network

from sofc.coders.context.section import NETWORKS
from sofc.coders.network_section import pack_network
from sofc.coders.network_training import HELD_OUT, batches, epochs_for, fitted_where_it_pays
from sofc.prediction.network import NO_NETWORK

NETWORK = random_network(np.random.default_rng(1))
SIZE = len(pack_network(NETWORK, NETWORKS))


@pytest.mark.parametrize("times", [0.5, 1.0, 40.0])
@pytest.mark.parametrize("more", [0, 1])
def test_a_network_is_kept_where_it_saves_more_than_its_bytes(times, more):
    """Of so many images as are to be stored, by what it saves of three held out of 25; it is fitted to the others."""
    saved = int(SIZE * 3 / (25 * times)) + more
    held_out, fitted_to = [7, 15, 23], []

    def code(images, network):
        assert list(images) == held_out
        return 1000 - saved if network.is_asked else 1000

    kept = fitted_where_it_pays(range(25), NETWORKS, times, lambda images: fitted_to.extend(images) or NETWORK, code)
    assert fitted_to == [number for number in range(25) if number not in held_out]
    assert kept is (NETWORK if more else NO_NETWORK)


def test_nothing_is_fitted_where_none_can_be_held_out():
    """Nor is anything coded where the images were too few to be fitted to."""
    few, many = list(range(HELD_OUT - 1)), list(range(HELD_OUT))
    assert fitted_where_it_pays(few, NETWORKS, 1.0, pytest.fail, pytest.fail) is NO_NETWORK
    assert fitted_where_it_pays(many, NETWORKS, 1.0, lambda _: NO_NETWORK, pytest.fail) is NO_NETWORK


def test_rounds_are_the_more_the_fewer_the_samples():
    assert [epochs_for(samples, 1000, 8) for samples in (1, 125, 200, 500, 10_000)] == [8, 8, 5, 2, 2]


def test_batches_are_whole_and_have_each_sample_once():
    found = list(batches(23, 5, np.random.RandomState(1)))
    assert [len(one) for one in found] == [5] * 4
    assert len({*np.concatenate(found).tolist()}) == 20 and np.concatenate(found).max() < 23
    assert not list(batches(4, 5, np.random.RandomState(1)))
