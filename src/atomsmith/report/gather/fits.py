"""The report of a fit, and the sections that every report of a potential shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import yaml

from atomsmith.data.configuration import Configuration
from atomsmith.elements import SYMBOLS
from atomsmith.potential import Potential
from atomsmith.report.gather.accuracy import Assessed, assess, calibrations, error_rows, parities
from atomsmith.report.gather.model import coefficients, in_turn, pair_curves
from atomsmith.report.gather.software import versions
from atomsmith.report.gather.structures import error_properties, structure
from atomsmith.report.html import number
from atomsmith.report.records import (
    Calibration,
    Coefficients,
    ErrorRow,
    FittedRound,
    PairCurve,
    Parity,
    ReportData,
    Timing,
    Tone,
    Verdict,
)
from atomsmith.wording import counted

GOOD_RELATIVE_ERROR, POOR_RELATIVE_ERROR = 0.1, 0.25
"""Force RMSE over the rms force below which it counts as good, and above which as poor."""
FEW = 10
"""A test set of fewer configurations is called small."""


class PotentialSections(TypedDict):
    """Sections of `ReportData` that a potential and labelled configurations give."""

    errors: tuple[ErrorRow, ...]
    parity: tuple[Parity, ...]
    calibration: tuple[Calibration, ...]
    coefficients: Coefficients | None
    pair_curves: tuple[PairCurve, ...]
    in_turn: tuple[FittedRound, ...]


def report_of_fit(
    potential: Potential,
    train: Sequence[Configuration],
    test: Sequence[Configuration] = (),
    *,
    title: str = "Fit",
    settings: Mapping[str, Any] | None = None,
    seconds: Mapping[str, float] | None = None,
    remarks: Sequence[str] = (),
    created: str = "",
    n_threads: int = 1,
) -> ReportData:
    """Gather the report of a fitted potential.

    Parameters
    ----------
    potential
        The potential.
    train, test
        Labelled configurations: those fitted, and others.
    title, created
        Heading, and when the report was made.
    settings
        Settings of the fit as plain values.
    seconds
        Wall time by part of the fit.
    remarks
        Sentences on the data that a reader should see.
    n_threads
        Threads of the engine.
    """
    assessed = [
        a
        for a in (assess(potential, train, "train", n_threads), assess(potential, test, "test", n_threads))
        if a
    ]
    structures = [
        structure(c, f"{a.split} {s + 1}", split=a.split, properties=error_properties(a, s))
        for a in assessed
        for s, c in enumerate(a.configurations)
    ]
    return ReportData(
        title=title,
        summary=model_sentence(potential),
        created=created,
        verdicts=(
            *potential_verdicts(potential, assessed),
            *(Verdict("warning", remark) for remark in (*remarks, *_overlap(train, test))),
        ),
        timings=tuple(Timing(f"fit: {part}", value) for part, value in (seconds or {}).items()),
        structures=tuple(structures),
        settings=to_yaml(settings or {}),
        versions=versions(),
        **potential_sections(potential, assessed),
    )


def _overlap(train: Sequence[Configuration], test: Sequence[Configuration]) -> list[str]:
    """Say if configurations are tested that were fitted as well."""
    fitted = {configuration.fingerprint(labels=False) for configuration in train}
    both = sum(configuration.fingerprint(labels=False) in fitted for configuration in test)
    if not both:
        return []
    return [f"{both:,} of {len(test):,} test configurations were fitted as well: test errors are too small."]


def potential_sections(potential: Potential, assessed: Iterable[Assessed]) -> PotentialSections:
    """Errors, parity, calibration (of the test set: that of the training set says nothing), inner life."""
    assessed = list(assessed)
    return {
        "errors": tuple(row for a in assessed for row in error_rows(a)),
        "parity": tuple(parity for a in assessed for parity in parities(a)),
        "calibration": tuple(c for a in assessed if a.split == "test" for c in calibrations(a)),
        "coefficients": coefficients(potential),
        "pair_curves": tuple(pair_curves(potential)),
        "in_turn": tuple(in_turn(potential)),
    }


def model_sentence(potential: Potential) -> str:
    """What the potential is and what it was fitted to, in one sentence."""
    symbols = [SYMBOLS[z] for z in potential.elements]
    names = ", ".join(symbols[:-1]) + " and " + symbols[-1] if len(symbols) > 1 else symbols[0]
    kinds = [part["kind"] for part in potential.plan["parts"]]
    repulsion = " over a short-range repulsion" if "zbl" in kinds else ""
    terms = " and ".join({"ace": "ACE", "pair": "pair"}.get(k, k) for k in kinds if k not in ("e0", "zbl"))
    regressors = {part.get("regressor", {}).get("kind") for part in potential.plan["parts"]}
    nature = "Potential" if regressors & {"network", "embedding"} else "Linear potential"
    text = (
        f"{nature} for {names}: {counted(potential.n_functions, f'{terms} function')}{repulsion}, "
        f"cutoff {potential.cutoff:g} Å"
    )
    data, fit = potential.metadata.get("data", {}), potential.metadata.get("fit", {})
    if data:
        text += (
            f", fitted to {counted(data['n_configurations'], 'configuration')} of "
            f"{counted(data['n_atoms'], 'atom')} in all"
        )
    if fit.get("effective_parameters"):
        text += f", whose labels determine {fit['effective_parameters']:,.0f} coefficients"
    return f"{text}."


def potential_verdicts(potential: Potential, assessed: Iterable[Assessed]) -> list[Verdict]:
    """Sentences about the fit and its accuracy on data it has not seen."""
    found = [verdict for a in assessed if a.split == "test" for verdict in _accuracy_verdicts(a)]
    fit = potential.metadata.get("fit", {})
    if fit.get("converged") is False:
        text = f"The solver did not converge in {fit.get('iterations')} iterations: raise its max_iterations."
        found.append(Verdict("warning", text))
    strengths = potential.metadata.get("core", {}).get("strengths", {})
    if strengths:
        pairs = ", ".join(
            f"{name.replace('-', '–')} ({value:.1f} times)" for name, value in strengths.items()
        )
        text = f"Below the distances of the data the repulsion was strengthened to leave no hole: {pairs}."
        found.append(Verdict("note", text))
    scale = potential.metadata.get("calibration", {}).get("scale")
    if scale is not None:
        text = f"The fit scaled its uncertainties by {number(scale)}, from errors on groups of data left out."
        found.append(Verdict("note", text))
    return found


def _accuracy_verdicts(assessed: Assessed) -> list[Verdict]:
    """Force error on the test set relative to the forces there, and how much it can be trusted."""
    labelled = [s for s, c in enumerate(assessed.configurations) if c.forces is not None]
    if not labelled:
        return []
    reference = np.concatenate([assessed.configurations[s].forces for s in labelled])
    predicted = np.concatenate([assessed.forces_of(s) for s in labelled])
    rms = float(np.sqrt(np.mean(reference**2)))
    rmse = float(np.sqrt(np.mean((predicted - reference) ** 2)))
    found = []
    if rms > 0.0:
        ratio = rmse / rms
        tone: Tone = "note"
        if ratio <= GOOD_RELATIVE_ERROR:
            tone = "good"
        elif ratio > POOR_RELATIVE_ERROR:
            tone = "warning"
        text = (
            f"On the test set, which was never fitted, the force error is {100.0 * ratio:.1f} % of the "
            f"forces: RMSE {number(rmse)} of an rms force of {number(rms)} eV/Å."
        )
        found.append(Verdict(tone, text))
    if len(labelled) < FEW:
        plural = "s" if len(labelled) > 1 else ""
        text = f"The test set has only {len(labelled)} configuration{plural}: its errors are uncertain."
        found.append(Verdict("warning", text))
    return found


def to_yaml(settings: Mapping[str, Any]) -> str:
    """Plain settings as YAML text; empty for none."""
    if not settings:
        return ""
    return yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True, width=100)
