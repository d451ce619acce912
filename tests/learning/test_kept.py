"""Rounds fold only what is new, and end with the bits of fits that start from nothing."""

from pathlib import Path
from typing import Any

import pytest

from atomsmith.data import Store
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.kept import KeptFactors
from atomsmith.learning.loop import learn
from learning.runs import EVERY_STEP, learn_settings, triggering


@pytest.mark.parametrize("growth", [None, {"largest_degree": 4.0, "step": 1.0}])
def test_rounds_fold_only_new_configurations(
    growth: Any, starts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    radial = {"r0": {"Cu-Cu": 2.55, "Cu-Al": 2.6, "Al-Al": 2.8}}
    terms = [
        {"descriptor": {"kind": "pair", "cutoff": 5.0, "degree": 5, "radial": radial}},
        {
            "descriptor": {
                "kind": "ace",
                "cutoff": 4.5,
                "degree": 3.0,
                "correlation_order": 2,
                "radial": radial,
            }
        },
    ]
    settings = learn_settings(
        starts,
        # Distances in the data would otherwise shape the basis, and new shortest ones change it.
        potential={"model": {"terms": terms, "repulsion": None}},
        sampling=triggering(EVERY_STEP),
        stop={"labels": 15},
        growth=growth,
    )
    made: list[int] = []
    rows = RowMaker.rows

    def counting(maker: RowMaker, configurations: Any, evaluator: Any = None) -> Any:
        made.append(len(configurations))
        return rows(maker, configurations, evaluator)

    monkeypatch.setattr(RowMaker, "rows", counting)
    learn(settings, tmp_path / "kept")
    with_kept = sum(made)
    made.clear()
    monkeypatch.setattr(KeptFactors, "_take", lambda *_: None)
    learn(settings, tmp_path / "fresh")
    for name in ("potential.json", "dataset.xyz"):
        assert (tmp_path / "kept" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()
    with Store.open(tmp_path / "kept") as store:
        final, rounds = store.get("final"), store.rounds()
    if growth is None:
        # The last fit is robust: that folds everything once more.
        assert with_kept == 2 * final["n_train"]
        assert sum(made) == 2 * final["n_train"] + sum(record["n_train"] for record in rounds)
    else:
        assert with_kept < 0.7 * sum(made)
