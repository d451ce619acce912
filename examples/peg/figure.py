"""The figure of the PEG example, from what run_full.py wrote."""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from atomsmith import Dataset, Potential


def draw(folder: Path, potential: Potential, test: Dataset) -> Path:
    """Learning curve, force parity and the longest bond along the dynamics; writes peg.png."""
    curve = json.loads((folder / "curve.json").read_text())
    dynamics = json.loads((folder / "dynamics.json").read_text())
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11.0, 3.4), layout="constrained")

    labels = [point["labels"] for point in curve]
    left.plot(labels, [1e3 * point["forces"] for point in curve], "o-", label="forces, meV/Å")
    left.plot(labels, [point["energy"] for point in curve], "s-", label="energy, meV/atom")
    left.set(xscale="log", yscale="log", xlabel="labels", title="RMSE on n = 6")
    left.set_xticks(labels[::2], [str(n) for n in labels[::2]])
    left.minorticks_off()
    left.legend(frameon=False)

    given = np.concatenate([c.forces for c in test if c.forces is not None]).ravel()
    predicted = potential.predict(test).forces.ravel()
    middle.plot(given, predicted, ",", rasterized=True)
    middle.axline((0.0, 0.0), slope=1.0, color="0.6", linewidth=0.8, zorder=0)
    middle.set(
        xlabel="GFN2-xTB force, eV/Å", ylabel="potential, eV/Å", title="Forces of n = 6", aspect="equal"
    )

    chain = np.array(dynamics["chain_of_record"])
    for k in range(dynamics["chains"]):
        time = np.array(dynamics["time_of_record_ps"])[chain == k]
        stretch = np.array(dynamics["largest_stretch"])[chain == k]
        blocks = len(stretch) // 20  # the longest within each picosecond
        right.plot(
            time[: 20 * blocks].reshape(blocks, 20).mean(axis=1),
            stretch[: 20 * blocks].reshape(blocks, 20).max(axis=1),
            linewidth=0.8,
        )
    right.axhline(1.5, color="0.6", linestyle="--", linewidth=0.8)
    right.annotate("broken", (0.02, 1.51), xycoords=("axes fraction", "data"), color="0.4")
    right.set(
        xlabel="time, ps",
        ylabel="longest bond / its length",
        ylim=(1.0, 1.6),
        title=f"{dynamics['chains']} chains of n = 6 at 500 K",
    )

    path = folder / "peg.png"
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path
