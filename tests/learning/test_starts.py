"""Starts of runs and walkers, and settings of their own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.io import write

from atomsmith.data import Store
from atomsmith.errors import InputError
from atomsmith.learning.loop import learn
from atomsmith.learning.starts import (
    choose_starts,
    free_walkers,
    learned,
    make_walkers,
    merged,
    read_starts,
    root_types,
    sampling_for,
)
from learning.runs import EVERY_STEP, NEVER, learn_settings, starting_structures, triggering


@pytest.mark.parametrize(("n_starts", "count"), [(3, 2), (5, 8), (4, 4), (7, 1)])
def test_every_start_is_used_before_any_is_used_again(n_starts: int, count: int) -> None:
    rounds = [choose_starts(n_starts, count, number, seed=3) for number in range(1, 15)]
    order = [start for chosen in rounds for start in chosen]
    for first in range(0, len(order) - n_starts + 1, n_starts):
        assert sorted(order[first : first + n_starts]) == list(range(n_starts))
    assert rounds == [choose_starts(n_starts, count, number, seed=3) for number in range(1, 15)]


def test_the_order_depends_on_seed_and_cycle() -> None:
    assert choose_starts(20, 20, 1, seed=0) != choose_starts(20, 20, 1, seed=1)
    assert choose_starts(20, 20, 1, seed=0) != choose_starts(20, 20, 2, seed=0)


def test_walkers_are_warm_and_differ(starts: Path) -> None:
    """Two walkers from one start and the next round's walkers have velocities of their own."""
    structures, _ = read_starts(learn_settings(starts))
    settings = learn_settings(starts, sampling={"temperature_k": 400.0})
    sampling = [sampling_for(settings, "copper")] * 2
    walkers = make_walkers([structures[0], structures[0]], sampling, 1, seed=0)
    assert walkers.velocities.shape == (8, 3)
    assert np.abs(walkers.velocities[:4] - walkers.velocities[4:]).min() > 0.0
    np.testing.assert_allclose(walkers.masses[:4] @ walkers.velocities[:4], 0.0, atol=1e-12)
    later = make_walkers([structures[0], structures[0]], sampling, 2, seed=0)
    assert not np.array_equal(walkers.velocities, later.velocities)


def test_overrides_hold_for_their_type_alone(starts: Path) -> None:
    settings = learn_settings(
        starts,
        walkers={"overrides": {"alloy": {"temperature_k": 900.0, "bias": {"tau_rel": 0.3}}}},
    )
    alloy, copper = sampling_for(settings, "alloy"), sampling_for(settings, "copper")
    assert (alloy.temperature_k.start, alloy.temperature_k.end) == (900.0, 900.0)
    assert copper == settings.sampling
    assert alloy.bias is not None
    assert settings.sampling.bias is not None
    assert alloy.bias.tau_rel == 0.3
    assert alloy.bias.window_steps == settings.sampling.bias.window_steps == 20
    assert alloy.timestep_fs == 2.0


def test_overrides_reach_the_walkers(starts: Path, tmp_path: Path) -> None:
    settings = learn_settings(
        starts,
        sampling=triggering(NEVER),
        walkers={"overrides": {"alloy": {"temperature_k": 900.0, "max_steps": 30}}},
        stop={"rounds": 1},
    )
    learn(settings, tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        (record,) = store.rounds()
        trace = store.trace()
    for k, walker in enumerate(record["walkers"]):
        alloy = walker["start"] == 2
        assert walker["step"] == (30 if alloy else 40)
        targets = trace["target_temperature_k"][trace["walker"] == k]
        assert (targets == 900.0).all() == alloy


def test_overrides_reach_what_was_learned_from_their_starts(starts: Path, tmp_path: Path) -> None:
    """A walker from a learned configuration obeys the type of the start at the root of its line."""
    settings = learn_settings(
        starts,
        sampling=triggering(EVERY_STEP) | {"temperature_k": 300.0},
        walkers={
            "start_from": "all",
            "overrides": {"alloy": {"temperature_k": 900.0}, "learned": {"max_steps": 33}},
        },
        stop={"labels": 18},
    )
    learn(settings, tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        entries, rounds, trace = store.entries(), store.rounds(), store.trace()
    types = root_types(entries)
    by_id = {entry.id: entry for entry in entries}
    seen = set()
    for record in rounds:
        for k, walker in enumerate(record["walkers"]):
            start = by_id[walker["start"]]
            here = (trace["round"] == record["number"]) & (trace["walker"] == k)
            expected = 900.0 if types[start.id] == "alloy" else 300.0
            assert set(trace["target_temperature_k"][here]) == {expected}
            seen.add((types[start.id], learned(start)))
    assert seen == {("alloy", True), ("alloy", False), ("copper", True), ("copper", False)}
    assert sampling_for(settings, "alloy", found=True).max_steps == 33
    assert sampling_for(settings, "alloy").max_steps == 40


def test_free_walkers_are_the_fraction_asked_for() -> None:
    for fraction, count in ((0.0, 8), (0.25, 8), (0.1, 3), (1.0, 4)):
        numbers = [len(free_walkers(fraction, count, number)) for number in range(1, 41)]
        assert sum(numbers) == round(40 * fraction * count)
        assert max(numbers) - min(numbers) <= 1
    assert free_walkers(0.25, 8, 3) == {6, 7}


def test_modes_override_the_overrides(starts: Path) -> None:
    overrides = {"alloy": {"bias": {"tau_rel": 0.3}, "trigger": {"tolerance": 0.5}}}
    for mode in ("active", "random"):
        sampling = sampling_for(learn_settings(starts, mode=mode, walkers={"overrides": overrides}), "alloy")
        assert sampling.bias is None
        assert (sampling.trigger is None) == (mode == "random")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"liquid": {}}, "names the configuration type 'liquid', but the starts have copper, alloy"),
        ({"learned": {}}, "names the configuration type 'learned', but the starts have copper, alloy"),
        (
            {"alloy": {"temprature_k": 5}},
            r"overrides.alloy: unknown key 'temprature_k'; perhaps 'temperature_k'",
        ),
        ({"alloy": {"timestep_fs": -1.0}}, r"overrides.alloy: 'timestep_fs' is -1.0, but should be above 0"),
        (
            {"alloy": {"bias": {"tau": 1}}},
            r"overrides.alloy: unknown key 'bias.tau'; perhaps 'tau_rel'",
        ),
        ({"alloy": {"ensemble": "nve"}}, r"overrides.alloy: walkers 0 and 1 differ in ensemble"),
    ],
)
def test_bad_overrides_are_found_before_anything_else(
    overrides: dict[str, Any], message: str, starts: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        learn(learn_settings(starts, walkers={"overrides": overrides}), tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        assert store.entries() == []


def test_free_atoms_in_the_start_are_reference_energies(starts: Path, tmp_path: Path) -> None:
    structures = starting_structures()
    for symbol in ("Cu", "Al"):
        atom = structures[0][:1]
        atom.symbols[:] = symbol
        atom.pbc = False
        atom.cell = None
        structures.append(atom)
    for atoms in structures:
        atoms.calc = EMT()
        atoms.get_potential_energy()
        if atoms.pbc.all():
            atoms.get_forces()
    write(tmp_path / "labelled.xyz", structures)
    settings = learn_settings(tmp_path / "labelled.xyz", start={"keep_labels": True}, isolated_atoms=False)
    found, atoms = read_starts(settings)
    assert len(found) == 3
    assert atoms == pytest.approx({"Cu": 3.51, "Al": 3.28})
    outcome = learn(settings.model_copy(update={"stop": settings.stop.model_copy(update={"labels": 3})}),
                    tmp_path / "run")  # fmt: skip
    assert outcome.counts["labelled"] == 3
    with Store.open(tmp_path / "run") as store:
        assert store.get("isolated_atoms") == pytest.approx({"Cu": 3.51, "Al": 3.28})
    given, atoms = read_starts(settings.model_copy(update={"start": settings.start.model_copy(
        update={"keep_labels": False})}))  # fmt: skip
    assert len(given) == 3
    assert atoms == {}


def test_free_atoms_alone_are_no_start(tmp_path: Path) -> None:
    atom = starting_structures()[0][:1]
    atom.pbc = False
    atom.cell = None
    write(tmp_path / "atom.xyz", atom)
    with pytest.raises(InputError, match=r"atom.xyz\) hold no structure of more than one atom"):
        learn(learn_settings(tmp_path / "atom.xyz"), tmp_path / "run")


def test_merged_goes_into_nested_settings() -> None:
    general = {"a": 1, "b": {"c": 2, "d": {"e": 3}}, "f": None}
    special = {"b": {"d": {"e": 4}}, "f": {"g": 5}}
    assert merged(general, special) == {"a": 1, "b": {"c": 2, "d": {"e": 4}}, "f": {"g": 5}}
    assert merged({"b": {"c": 2}}, {"b": None}) == {"b": None}
    assert general["b"] == {"c": 2, "d": {"e": 3}}
