"""Pairs whose hole no strength of the repulsion fills: their fitted functions end where no data reach."""

import numpy as np
import pytest

from atomsmith.descriptors import PairSettings
from atomsmith.fitting.core import dimer_energies, dimers, holes, with_repulsive_core
from atomsmith.model import Distances, ModelSettings, TermSettings, build_model

SHORTEST = 2.2


def oxygen(slope):
    """A pair potential of oxygen atoms that meet at 2.2 angstrom or more, and plunges just below."""
    terms = (TermSettings(descriptor=PairSettings(cutoff=4.0, degree=10)),)
    seen = Distances(np.array([[SHORTEST]]), np.array([[2.4]]))
    model = build_model(ModelSettings(terms=terms), [8], seen)
    radial = dimers((8, 8), np.linspace(1.2, 3.9, 300))
    columns = np.stack(
        [dimer_energies(model.plan, c, radial) for c in np.eye(len(model.features))[1:]], axis=1
    )
    bare = dimer_energies(model.plan, np.zeros(len(model.features)), radial)
    r = radial.distances
    wanted = np.where(r < SHORTEST, -slope * (SHORTEST - r), 0.0)
    found, *_ = np.linalg.lstsq(columns - bare[:, None], wanted, rcond=None)
    return model.plan, np.concatenate([[0.0], found])


@pytest.mark.parametrize("slope", [25.0, 150.0])
def test_a_hole_beside_the_data_is_closed_and_data_feel_nothing(slope):
    plan, coefficients = oxygen(slope)
    assert holes(plan, coefficients) == ["O-O"]
    core = with_repulsive_core(plan, coefficients)
    assert core.holes == []
    assert holes(core.plan, coefficients) == []
    beyond = dimers((8, 8), np.linspace(SHORTEST, 3.9, 50))
    np.testing.assert_array_equal(
        dimer_energies(core.plan, coefficients, beyond), dimer_energies(plan, coefficients, beyond)
    )
    inside = dimers((8, 8), np.linspace(0.5, 0.95 * SHORTEST, 200))
    energies = dimer_energies(core.plan, coefficients, inside)
    untouched = dimers((8, 8), np.linspace(0.95 * SHORTEST, 3.9, 200))
    assert energies.min() > dimer_energies(plan, coefficients, untouched).min() - 1.0
    close = inside.distances < 0.9 * 0.95 * SHORTEST
    assert (np.diff(energies[close]) < 0.0).all()
