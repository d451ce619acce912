"""What a report shows, as plain dataclasses: one record per idea, every section optional."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BeforeValidator, ConfigDict, PlainSerializer

from atomsmith.systems import FloatArray

Split = Literal["train", "test"]
Quantity = Literal["energy", "forces", "stress"]
Tone = Literal["good", "warning", "bad", "note"]
SelectionStatus = Literal["labelled", "waiting", "failed", "not selected"]
CalibrationSet = Literal["train", "test", "new"]
"""``new``: configurations as the walkers found them, predicted before they were labelled."""


def _floats(values: Any) -> FloatArray:
    """Arrays of any real dtype and lists with null for NaN, as float64."""
    return np.asarray(values, dtype=np.float64)


def _integers(values: Any) -> NDArray[np.int64]:
    return np.asarray(values, dtype=np.int64)


def _plain_floats(values: FloatArray) -> Any:
    """Nested lists; nine significant digits are more than any figure shows and halve the file.

    NaN and infinities become null, since JSON has no word for them.
    """
    if values.ndim > 1:
        return [_plain_floats(row) for row in values]
    return [float(f"{value:.9g}") if np.isfinite(value) else None for value in values.tolist()]


#: A float array that pydantic reads from (nested) lists and writes to them; NaN is null in JSON.
Floats = Annotated[FloatArray, BeforeValidator(_floats), PlainSerializer(_plain_floats)]
#: An integer array, likewise.
Integers = Annotated[
    NDArray[np.int64], BeforeValidator(_integers), PlainSerializer(lambda values: values.tolist())
]


class _Record:
    """Shared behaviour of the records: strict keys when read, arrays made and checked on creation."""

    __pydantic_config__ = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    def _as_arrays(self, *names: str, like: str | None = None) -> None:
        """Turn the named fields into float64 arrays and require the length of field ``like``.

        Raises
        ------
        ValueError
            When lengths differ; a None field is left alone.
        """
        expected = None if like is None else len(np.atleast_1d(getattr(self, like)))
        for name in names:
            value = getattr(self, name)
            if value is None:
                continue
            array = _floats(value)
            if expected is not None and len(array) != expected:
                raise ValueError(
                    f"{type(self).__name__}.{name} has {len(array)} values but {like} has {expected}; "
                    "give one value each."
                )
            object.__setattr__(self, name, array)


@dataclass(frozen=True)
class HeadlineNumber(_Record):
    """One of the few numbers that matter, already formatted: ``value`` "1.8", ``unit`` "meV/atom"."""

    label: str
    value: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Verdict(_Record):
    """One sentence of judgement and whether it is good news."""

    tone: Tone
    text: str


@dataclass(frozen=True)
class ErrorRow(_Record):
    """Errors of one configuration type (or ``"all"``) in one split; None where there is no label.

    Energies in meV/atom, forces in eV/angstrom (over components), stress in GPa (over components).
    """

    config_type: str
    split: Split
    n_configurations: int
    energy_mae_mev: float | None = None
    energy_rmse_mev: float | None = None
    forces_mae: float | None = None
    forces_rmse: float | None = None
    stress_mae_gpa: float | None = None
    stress_rmse_gpa: float | None = None
    n_atoms: int | None = None


@dataclass(frozen=True, eq=False)
class Parity(_Record):
    """Reference and predicted values of one quantity in one split.

    Attributes
    ----------
    quantity
        ``energy`` (eV/atom, one per configuration), ``forces`` (eV/angstrom, one per component) or
        ``stress`` (GPa, one per component).
    split
        ``train`` or ``test``.
    reference, predicted
        Values, shape (n,).
    config_type
        Index into ``config_types`` of every value, shape (n,); empty when types do not matter.
    config_types
        Names of the configuration types.
    """

    quantity: Quantity
    split: Split
    reference: Floats
    predicted: Floats
    config_type: Integers = field(default_factory=lambda: np.zeros(0, np.int64))
    config_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check shapes and indices."""
        self._as_arrays("reference")
        self._as_arrays("predicted", like="reference")
        codes = _integers(self.config_type)
        if len(codes) == 0:
            codes = np.zeros(len(self.reference), np.int64)
            object.__setattr__(self, "config_types", self.config_types or ("all",))
        if len(codes) != len(self.reference):
            raise ValueError(
                f"Parity.config_type has {len(codes)} values but reference has {len(self.reference)}; "
                "give one index each."
            )
        if len(codes) and not 0 <= codes.min() <= codes.max() < len(self.config_types):
            raise ValueError(
                f"Parity.config_type runs from {codes.min()} to {codes.max()} but there are "
                f"{len(self.config_types)} config_types; give indices into them."
            )
        object.__setattr__(self, "config_type", codes)


@dataclass(frozen=True, eq=False)
class Trajectory(_Record):
    """One biased walker of one round, at the steps that were recorded.

    Attributes
    ----------
    round, walker
        Counted from 0 as the loop counts them.
    step
        Step numbers, shape (n,).
    largest_f
        Largest relative force uncertainty over atoms, shape (n,); NaN where it was not evaluated.
    temperature_k, pressure_gpa, tau, sigma_ev
        Instantaneous temperature, pressure, biasing strength and uncertainty of the total energy in eV,
        shape (n,) each, or None.
    tolerance
        The tolerance on ``largest_f``.
    reason
        Why the walker stopped: ``uncertainty``, ``step limit``, ``temperature``..., or ``still running``.
    start
        Name of the starting structure.
    """

    round: int
    walker: int
    step: Floats
    largest_f: Floats
    temperature_k: Floats | None = None
    pressure_gpa: Floats | None = None
    tau: Floats | None = None
    sigma_ev: Floats | None = None
    tolerance: float | None = None
    reason: str = ""
    start: str = ""

    def __post_init__(self) -> None:
        """Check shapes."""
        self._as_arrays("step")
        self._as_arrays("largest_f", "temperature_k", "pressure_gpa", "tau", "sigma_ev", like="step")


@dataclass(frozen=True, eq=False)
class Calibration(_Record):
    """Predicted standard deviations against true errors (predicted minus reference), shape (n,) each.

    Energies are per atom. ``scores`` are named numbers shown beside the figure, as the fit computed them.
    """

    quantity: Quantity
    split: CalibrationSet
    predicted_std: Floats
    true_error: Floats
    scores: dict[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check shapes."""
        self._as_arrays("predicted_std")
        self._as_arrays("true_error", like="predicted_std")


@dataclass(frozen=True, eq=False)
class Coefficients(_Record):
    """Magnitude of every coefficient with its correlation order and total degree, shape (n,) each.

    ``order`` 0 is the pair term; ``note`` says how magnitudes are scaled (eV per unit of feature...).
    """

    order: Integers
    degree: Integers
    magnitude: Floats
    note: str = ""

    def __post_init__(self) -> None:
        """Check shapes."""
        object.__setattr__(self, "order", _integers(self.order))
        object.__setattr__(self, "degree", _integers(self.degree))
        self._as_arrays("magnitude", like="order")
        if len(self.degree) != len(self.order):
            raise ValueError(
                f"Coefficients.degree has {len(self.degree)} values but order has {len(self.order)}; "
                "give one value each."
            )


@dataclass(frozen=True, eq=False)
class PairCurve(_Record):
    """Interaction of two isolated atoms.

    Attributes
    ----------
    elements
        The two chemical symbols.
    r
        Distances in angstrom, increasing, shape (n,).
    energy
        Energy of the dimer minus that of the isolated atoms, eV, shape (n,).
    force
        Radial force -dE/dr in eV/angstrom (positive: repulsive), shape (n,), or None: the figure then
        differentiates the energy.
    zbl_energy
        The short-range repulsion's part of ``energy`` in eV, shape (n,), or None.
    shortest
        Shortest distance of this pair in the training data in angstrom, or None when it never occurs.
    """

    elements: tuple[str, str]
    r: Floats
    energy: Floats
    force: Floats | None = None
    zbl_energy: Floats | None = None
    shortest: float | None = None

    def __post_init__(self) -> None:
        """Check shapes and supply the force."""
        self._as_arrays("r")
        self._as_arrays("energy", "force", "zbl_energy", like="r")
        if len(self.r) < 2 or np.any(np.diff(self.r) <= 0.0):
            raise ValueError(
                f"PairCurve.r of {'-'.join(self.elements)} does not increase; give at least two increasing "
                "distances."
            )
        if self.force is None:
            object.__setattr__(self, "force", -np.gradient(self.energy, self.r))


@dataclass(frozen=True)
class LearningPoint(_Record):
    """State after one fit: labels paid for so far and RMS errors (meV/atom, eV/angstrom).

    Those ending in ``_new`` are of the configurations that walkers found with this potential, which it had
    not seen.
    """

    round: int
    n_labels: int
    energy_rmse_mev: float | None = None
    forces_rmse: float | None = None
    energy_rmse_train_mev: float | None = None
    forces_rmse_train: float | None = None
    n_functions: int | None = None
    energy_rmse_new_mev: float | None = None
    forces_rmse_new: float | None = None


@dataclass(frozen=True)
class Timing(_Record):
    """Wall time of one part of the run in seconds, and how often it was called (None: unknown)."""

    part: str
    seconds: float
    calls: int | None = None


@dataclass(frozen=True)
class FittedRound(_Record):
    """Training errors after a round in which the terms were fitted in turn, and each term's share of the
    energy.

    ``shares`` are the means of E_term / E by name of the term; None: no such label.
    """

    round: int
    energy_rmse_mev: float | None
    forces_rmse: float | None
    stress_rmse_gpa: float | None
    shares: dict[str, float]


@dataclass(frozen=True)
class SelectedConfiguration(_Record):
    """One configuration that a walker offered: why, and what became of it."""

    round: int
    walker: int
    reason: str
    status: SelectionStatus
    step: int | None = None
    largest_f: float | None = None
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Structure(_Record):
    """One structure to browse.

    Attributes
    ----------
    numbers
        Atomic numbers, shape (N,).
    positions
        Cartesian positions in angstrom, shape (N, 3).
    cell
        Lattice vectors as rows in angstrom, shape (3, 3), or None (zero rows: not periodic).
    energy_per_atom, largest_force
        Reference energy in eV/atom and largest force norm in eV/angstrom, or None.
    properties
        Further numbers to plot, named with their unit: ``{"pressure (GPa)": 1.2}``.
    """

    name: str
    numbers: Integers
    positions: Floats
    cell: Floats | None = None
    config_type: str = ""
    split: Split | None = None
    round: int | None = None
    energy_per_atom: float | None = None
    largest_force: float | None = None
    properties: dict[str, float | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check shapes."""
        object.__setattr__(self, "numbers", _integers(self.numbers))
        self._as_arrays("positions", "cell")
        n_atoms = len(self.numbers)
        if self.positions.shape != (n_atoms, 3):
            raise ValueError(
                f"positions of structure '{self.name}' have shape {self.positions.shape}; "
                f"expected ({n_atoms}, 3)."
            )
        if self.cell is not None and self.cell.shape != (3, 3):
            raise ValueError(
                f"cell of structure '{self.name}' has shape {self.cell.shape}; expected (3, 3), rows are "
                "lattice vectors."
            )


@dataclass(frozen=True)
class ReportData(_Record):
    """Everything a report may show; an empty section is left out of the page.

    ``summary`` says in a sentence or two what the potential is; ``headline`` and ``verdicts`` are put before
    those that `atomsmith.report.findings` derives from the other sections. ``settings`` is YAML text.
    """

    title: str
    summary: str = ""
    created: str = ""
    headline: tuple[HeadlineNumber, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    errors: tuple[ErrorRow, ...] = ()
    parity: tuple[Parity, ...] = ()
    trajectories: tuple[Trajectory, ...] = ()
    calibration: tuple[Calibration, ...] = ()
    coefficients: Coefficients | None = None
    pair_curves: tuple[PairCurve, ...] = ()
    in_turn: tuple[FittedRound, ...] = ()
    learning_curve: tuple[LearningPoint, ...] = ()
    timings: tuple[Timing, ...] = ()
    selection: tuple[SelectedConfiguration, ...] = ()
    structures: tuple[Structure, ...] = ()
    settings: str = ""
    versions: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Accept any sequence for the sections."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if isinstance(value, list):
                object.__setattr__(self, entry.name, tuple(value))
