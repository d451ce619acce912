"""Whole runs: what they learn, in every mode, and what they leave behind."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.calculators.emt import EMT

from atomsmith import Dataset, Potential
from atomsmith.data import Store
from atomsmith.fitting.metrics import errors
from atomsmith.learning.ends import knowledge_of
from atomsmith.learning.labelling import isolated_energies
from atomsmith.learning.loop import learn
from atomsmith.learning.observer import Observer
from atomsmith.learning.settings import LearnSettings
from atomsmith.reference import LabelRunner
from learning.calculators import fingerprint, finished
from learning.runs import EVERY_STEP, NEVER, Listener, learn_settings, starting_structures, triggering


def hot_structures(number: int) -> Dataset:
    """Structures that no run has seen, labelled."""
    rng = np.random.default_rng(11)
    structures = []
    for k in range(number):
        atoms = starting_structures(4)[k % 4]
        atoms.positions += rng.normal(scale=0.1, size=atoms.positions.shape)
        atoms.calc = EMT()
        atoms.get_forces()
        structures.append(atoms)
    return Dataset.from_atoms(structures)


def test_a_run_learns(starts: Path, tmp_path: Path) -> None:
    """What it has learned is seen on structures of its own: errors fall far below those of the first fit."""
    test = hot_structures(12)
    found = {}
    for labels in (3, 24):
        settings = learn_settings(
            starts,
            sampling=triggering(EVERY_STEP) | {"temperature_k": 1500.0, "max_steps": 60},
            stop={"labels": labels},
        )
        outcome = learn(settings, tmp_path / f"run{labels}")
        assert outcome.counts["labelled"] == labels
        found[labels] = errors(test, Potential.load(outcome.potential).predict(test)).total
    assert found[24].forces is not None
    assert found[3].forces is not None
    assert found[24].forces.rmse < 0.5 * found[3].forces.rmse
    assert found[24].forces.rmse < 0.05
    assert found[24].energy is not None
    assert found[24].energy.rmse < 5.0


@pytest.mark.parametrize("mode", ["hyperactive", "active", "random"])
def test_what_a_run_leaves_behind(mode: str, starts: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    settings = learn_settings(
        starts,
        mode=mode,
        reference={"arguments": {"log": str(log)}},
        sampling=triggering(EVERY_STEP, minimum_steps=10),
        selection={"test_fraction": 0.3},
        stop={"labels": 15},
    )
    listener = Listener()
    outcome = learn(settings, tmp_path / "run", listener)
    assert outcome.reason == "15 configurations labelled (stop.labels)"
    assert outcome.rounds == 4
    assert listener.lines[-1] == f"stopped: {outcome.reason}"

    data = Dataset.read(outcome.dataset)
    assert len(data) == 15
    assert [c.config_type for c in data] == ["copper", "alloy", "copper"] + ["learned"] * 12
    for configuration in data:
        atoms = configuration.to_atoms()
        atoms.calc = EMT()
        assert configuration.energy == pytest.approx(atoms.get_potential_energy(), abs=1e-9)
        np.testing.assert_allclose(configuration.forces, atoms.get_forces(), atol=1e-9)
        np.testing.assert_allclose(configuration.stress, atoms.get_stress(), atol=1e-9)
    split = [c.info["split"] for c in data]
    assert 0 < split.count("test") < 12
    assert split[:3] == ["train"] * 3

    potential = Potential.load(outcome.potential)
    train = Dataset(c for c, s in zip(data, split, strict=True) if s == "train")
    assert potential.metadata["data"]["n_configurations"] == len(train)
    assert potential.metadata["settings"]["reference_energies"]["values"] == {"Al": 3.28, "Cu": 3.51}

    # Two free atoms, and every configuration once.
    made = finished(log)
    assert len(made) == len(set(made)) == 17
    with Store.open(tmp_path / "run") as store:
        entries, rounds = store.entries(), store.rounds()
        assert {fingerprint(e.configuration.numbers, e.configuration.positions, e.configuration.cell)
                for e in entries} < set(made)  # fmt: skip
        assert store.load_checkpoint("walkers") is None
        trace = store.trace()
        assert store.get("final")["reason"] == outcome.reason
    for number, record in enumerate(rounds, start=1):
        new = [e for e in entries if e.origin.get("round") == number]
        walkers = record["walkers"]
        assert {e.origin["walker"] for e in new} == {k for k, w in enumerate(walkers) if w["selected"]}
        for entry in new:
            walker = walkers[entry.origin["walker"]]
            assert entry.origin["reason"] == walker["reason"]
            assert entry.origin["start"] in (1, 2, 3)
            assert np.shape(entry.origin["predicted"]["forces"]) == (4, 3)
        if mode == "random":
            assert {w["reason"] for w in walkers} == {"max_steps"}
        else:
            assert {w["reason"] for w in walkers} == {"uncertainty"}
            assert {w["step"] for w in walkers} == {10}
        last = trace["step"][(trace["round"] == number)]
        assert last.max() == max(w["step"] for w in walkers)
    if mode != "hyperactive":
        assert (trace["tau"] == 0.0).all()


def test_random_walkers_stop_at_random_steps(starts: Path, tmp_path: Path) -> None:
    settings = learn_settings(starts, mode="random", stop={"labels": 12})
    learn(settings, tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        steps = [w["step"] for record in store.rounds() for w in record["walkers"]]
    assert len(set(steps)) > 4
    assert 1 <= min(steps) <= max(steps) <= 40


def test_the_bias_raises_the_uncertainty(starts: Path, tmp_path: Path) -> None:
    """Walkers with the same random numbers meet more uncertain configurations when they are biased."""
    largest = {}
    for mode in ("active", "hyperactive"):
        settings = learn_settings(
            starts,
            mode=mode,
            sampling=triggering(NEVER) | {"max_steps": 300, "temperature_k": 300.0, "bias": {"tau_rel": 0.5}},
            stop={"rounds": 1},
            walkers={"count": 6},
        )
        learn(settings, tmp_path / mode)
        with Store.open(tmp_path / mode) as store:
            trace = store.trace()
        late = trace["step"] > 150
        largest[mode] = trace["uncertainty"][late].mean()
    assert largest["hyperactive"] > 1.1 * largest["active"]


def test_same_seed_same_bits_and_another_seed_another_run(starts: Path, tmp_path: Path) -> None:
    written = {}
    for name, changes in {
        "first": {},
        "again": {"threads": 2, "checkpoint_every": 7},
        "other": {"seed": 1},
    }.items():
        settings = learn_settings(starts, sampling=triggering(EVERY_STEP), **changes)
        outcome = learn(settings, tmp_path / name)
        written[name] = outcome.dataset.read_bytes()
        assert Potential.load(outcome.potential).metadata["settings"]["seed"] == changes.get("seed", 0)
    assert written["first"] == written["again"]
    assert written["first"] != written["other"]


def test_the_order_in_which_free_atoms_arrive_changes_nothing(
    starts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = learn_settings(starts, stop={"rounds": 1})
    plain = learn(settings, tmp_path / "plain").potential.read_bytes()

    def reversed_order(
        symbols: list[str], runner: LabelRunner, observer: Observer
    ) -> list[tuple[str, float | None]]:
        return list(isolated_energies(symbols, runner, observer))[::-1]

    monkeypatch.setattr("atomsmith.learning.loop.isolated_energies", reversed_order)
    assert learn(settings, tmp_path / "reversed").potential.read_bytes() == plain


def test_a_finished_run_ends_again_and_goes_on_with_more_labels(starts: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"

    def run(labels: int) -> tuple[bytes, bytes]:
        settings = learn_settings(
            starts,
            reference={"arguments": {"log": str(log)}},
            sampling=triggering(EVERY_STEP),
            stop={"labels": labels},
        )
        outcome = learn(settings, tmp_path / "run")
        assert outcome.counts["labelled"] == labels
        return outcome.dataset.read_bytes(), outcome.potential.read_bytes()

    first = run(6)
    calculations = len(finished(log))
    assert run(6) == first
    assert len(finished(log)) == calculations
    data, _ = run(9)
    assert data.startswith(first[0])
    assert len(finished(log)) == calculations + 3


def test_an_interrupted_run_has_no_end_and_goes_on(starts: Path, tmp_path: Path) -> None:
    class Impatient(Listener):
        def message(self, text: str) -> None:
            super().message(text)
            if text.startswith("round 2:"):
                raise KeyboardInterrupt

    def settings(labels: int) -> LearnSettings:
        return learn_settings(starts, sampling=triggering(EVERY_STEP), stop={"labels": labels})

    learn(settings(6), tmp_path / "run")
    with pytest.raises(KeyboardInterrupt):
        learn(settings(12), tmp_path / "run", Impatient())
    with Store.open(tmp_path / "run") as store:
        assert store.get("final") is None
        assert len(store.pending()) == 3
    assert len(Dataset.read(tmp_path / "run" / "dataset.xyz")) == 6
    assert learn(settings(12), tmp_path / "run").counts["labelled"] == 12
    learn(settings(12), tmp_path / "straight")
    paths = [tmp_path / name / "dataset.xyz" for name in ("run", "straight")]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_guards_stop_and_are_labelled_if_wanted(starts: Path, tmp_path: Path) -> None:
    for guard_stops in (True, False):
        settings = learn_settings(
            starts,
            sampling=triggering(NEVER)
            | {"temperature_k": 2000.0, "guards": {"energy_change_ev_per_atom": 0.05}},
            selection={"guard_stops": guard_stops},
            stop={"rounds": 1},
        )
        outcome = learn(settings, tmp_path / f"run-{guard_stops}")
        with Store.open(tmp_path / f"run-{guard_stops}") as store:
            (record,) = store.rounds()
        assert {w["reason"] for w in record["walkers"]} == {"energy"}
        assert outcome.counts["labelled"] == (6 if guard_stops else 3)
        assert record["quiet"] is not guard_stops


def test_large_forces_are_recorded_but_not_fitted(starts: Path, tmp_path: Path) -> None:
    settings = learn_settings(
        starts,
        sampling=triggering(EVERY_STEP),
        selection={"largest_force_ev_per_angstrom": 1.0, "test_fraction": 0.0},
    )
    outcome = learn(settings, tmp_path / "run")
    data = Dataset.read(outcome.dataset)
    small = [c for c in data if c.forces is not None and np.linalg.norm(c.forces, axis=1).max() <= 1.0]
    assert 0 < len(small) < len(data) == 9
    assert Potential.load(outcome.potential).metadata["data"]["n_configurations"] == len(small)


def test_what_is_not_fitted_is_no_start_either(starts: Path, tmp_path: Path) -> None:
    """Or walkers would stop at the very distance that the potential has not seen, again and again."""
    settings = learn_settings(
        starts,
        sampling=triggering(EVERY_STEP),
        walkers={"start_from": "all"},
        selection={"largest_force_ev_per_angstrom": 1.2, "test_fraction": 0.0},
        stop={"labels": 24},
    )
    learn(settings, tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        begun = {w["start"] for record in store.rounds() for w in record["walkers"]}
        beyond = {
            e.id
            for e in store.entries()
            if e.origin["kind"] == "walker"
            and e.configuration.forces is not None
            and np.linalg.norm(e.configuration.forces, axis=1).max() > 1.2
        }
    assert beyond
    assert not begun & beyond
    assert max(begun) > 3


def test_where_a_guard_stopped_a_walker_none_starts(starts: Path, tmp_path: Path) -> None:
    """Its atoms would be as hot again within a few steps."""
    settings = learn_settings(
        starts,
        sampling=triggering(NEVER) | {"temperature_k": 2000.0, "guards": {"energy_change_ev_per_atom": 0.05}},
        walkers={"start_from": "all"},
        selection={"test_fraction": 0.0},
        stop={"labels": 12, "rounds": 3},
    )
    learn(settings, tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        guarded = {e.id for e in store.entries() if e.origin.get("reason") == "energy"}
        begun = {w["start"] for record in store.rounds() for w in record["walkers"]}
    assert guarded
    assert not begun & guarded


def test_free_walkers_are_labelled_where_they_end(starts: Path, tmp_path: Path) -> None:
    """They run for a random time without bias or trigger; and do not keep a run from ending."""
    settings = learn_settings(
        starts,
        sampling=triggering(NEVER, minimum_steps=0),
        walkers={"count": 4, "unbiased_fraction": 0.5},
        selection={"per_round": 4},
        stop={"labels": 50, "quiet_rounds": 3},
    )
    outcome = learn(settings, tmp_path / "run")
    assert outcome.reason == "nothing to label was found in the last 3 rounds (stop.quiet_rounds)"
    assert outcome.rounds == 3
    with Store.open(tmp_path / "run") as store:
        rounds, found, trace = store.rounds(), store.entries()[3:], store.trace()
    assert [(e.origin["round"], e.origin["walker"]) for e in found] == [
        (number, walker) for number in (1, 2, 3) for walker in (2, 3)
    ]
    assert {e.origin["reason"] for e in found} == {"max_steps"}
    steps = [w["step"] for record in rounds for w in record["walkers"] if w["free"]]
    assert len(set(steps)) > 3
    assert all(w["step"] == 40 for record in rounds for w in record["walkers"] if not w["free"])
    free = trace["walker"] >= 2
    assert not trace["tau"][free].any()
    assert trace["tau"][~free].any()


def test_the_trigger_knows_where_the_data_end(starts: Path, tmp_path: Path) -> None:
    """The outer end of the repulsion, by elements, and the factor by which the committee was widened."""
    outcome = learn(learn_settings(starts, stop={"rounds": 1}), tmp_path / "run")
    potential = Potential.load(outcome.potential)
    known = knowledge_of(potential)
    shortest = potential.metadata["data"]["shortest_distances"]
    for name, pair in (("Cu-Cu", (29, 29)), ("Cu-Al", (13, 29))):
        assert known.closest[pair] == pytest.approx(0.95 * shortest[name])
    assert known.widening == potential.metadata["calibration"]["scale"] != 1.0
    assert known.force_error == potential.metadata["calibration"]["held_out_weighted_rmse"] > 0.0


def test_an_unseen_distance_is_labelled_with_its_reason(starts: Path, tmp_path: Path) -> None:
    sampling = {
        "temperature_k": 6000.0,
        "max_steps": 100,
        "trigger": {"tolerance": NEVER, "minimum_steps": 1},
        "guards": {
            "distance_every": 2,
            "temperature_factor": None,
            "energy_change_ev_per_atom": None,
            "shortest_distance_angstrom": None,
        },
    }
    learn(learn_settings(starts, sampling=sampling, stop={"rounds": 1}), tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        (record,) = store.rounds()
        found = [e for e in store.entries() if e.origin.get("reason") == "unseen_distance"]
    assert {w["reason"] for w in record["walkers"]} == {"unseen_distance"}
    assert found
    assert {e.state for e in found} == {"labelled"}


def test_walkers_start_from_learned_configurations_too(starts: Path, tmp_path: Path) -> None:
    settings = learn_settings(
        starts,
        sampling=triggering(EVERY_STEP),
        walkers={"start_from": "all", "overrides": {"learned": {"temperature_k": 100.0}}},
        stop={"labels": 15},
    )
    learn(settings, tmp_path / "run")
    with Store.open(tmp_path / "run") as store:
        begun = {w["start"] for record in store.rounds() for w in record["walkers"]}
        trace = store.trace()
    assert max(begun) > 3
    assert 100.0 in trace["target_temperature_k"]


def test_labels_of_the_start_are_trusted_if_asked(tmp_path: Path) -> None:
    labelled = []
    for atoms in starting_structures():
        atoms.calc = EMT()
        atoms.get_potential_energy(), atoms.get_forces()
        labelled.append(atoms)
    path, log = tmp_path / "labelled.xyz", tmp_path / "log"
    Dataset.from_atoms(labelled).write(path)
    settings = learn_settings(
        path,
        start={"keep_labels": True},
        reference={"arguments": {"log": str(log)}},
        sampling=triggering(EVERY_STEP),
        isolated_atoms=False,
        stop={"labels": 6},
    )
    outcome = learn(settings, tmp_path / "run")
    assert outcome.counts["labelled"] == 6
    assert len(finished(log)) == 3


@pytest.mark.parametrize(
    "term",
    [
        {
            "descriptor": {"kind": "bispectrum", "twojmax": 2, "cutoff": 4.0},
            "regressor": {"kind": "quadratic"},
        },
        {
            "descriptor": {
                "kind": "moments",
                "level": 6,
                "cutoff": 4.5,
                "radial_size": 4,
                "radial": {"trainable": True, "iterations": 3},
            }
        },
    ],
)
def test_any_descriptor_learns(term: dict[str, Any], starts: Path, tmp_path: Path) -> None:
    """Walkers are biased by the uncertainty of whatever terms there are, trained or not."""
    settings = learn_settings(
        starts,
        potential={"model": {"terms": [term]}},
        sampling=triggering(EVERY_STEP) | {"max_steps": 20},
        stop={"labels": 6},
    )
    outcome = learn(settings, tmp_path / "run")
    assert outcome.counts["labelled"] == 6
    potential = Potential.load(outcome.potential)
    assert potential.plan["parts"][1]["kind"] == term["descriptor"]["kind"]
    assert len(potential.committee) > 0
