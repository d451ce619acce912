"""A fitted potential: plan, coefficients, posterior and committee, and its file potential.json."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.data.files import read_text, replacing
from atomsmith.descriptors import FeatureInfo
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.exchange.formats import is_foreign, read_foreign
from atomsmith.extrapolation.grading import Extrapolation, Grader
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.prediction import Prediction, require_finite
from atomsmith.systems import FloatArray, Systems
from atomsmith.wording import counted

if TYPE_CHECKING:
    from atomsmith.calculator import AtomsmithCalculator
    from atomsmith.data.configuration import Configuration
    from atomsmith.evaluator import Evaluator, Precision

FORMAT = "atomsmith-potential"
FORMAT_VERSION = 1
AT_ONCE = 20_000
"""Atoms that `Potential.predict` takes at once: neighbours and images of an atom take a kilobyte and more."""


def library_version() -> str:
    """Version of the installed package."""
    try:
        return version("atomsmith")
    except PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, eq=False)
class Potential:
    """Everything that predicts energies, forces and stresses, with their uncertainty.

    Attributes
    ----------
    elements
        Atomic numbers that the potential knows.
    plan
        The engine's plan (docs/architecture.md).
    features
        Facts about the n features.
    coefficients
        Shape (n,), eV; reference energies included.
    posterior
        Gaussian posterior of the coefficients, or None.
    committee
        Coefficients of K members drawn from the posterior, shape (K, n); K may be 0.
    metadata
        Plain JSON values: settings, data fingerprint, versions, summary of the fit.
    extrapolation
        What it remembers of the features of its data, or None.
    """

    elements: tuple[int, ...]
    plan: dict[str, Any]
    features: FeatureInfo
    coefficients: FloatArray
    posterior: Posterior | None = None
    committee: FloatArray = field(default_factory=lambda: np.zeros((0, 0)))
    metadata: dict[str, Any] = field(default_factory=dict)
    extrapolation: Extrapolation | None = None

    def __repr__(self) -> str:
        symbols = ", ".join(SYMBOLS[z] for z in self.elements)
        return (
            f"Potential({symbols}; {counted(self.n_functions, 'basis function')}, cutoff {self.cutoff:.2f} "
            f"angstrom, {counted(len(self.committee), 'committee member')})"
        )

    @property
    def cutoff(self) -> float:
        """Largest distance in angstrom at which atoms interact."""
        return max(_reach(part) for part in self.plan["parts"])

    @property
    def n_functions(self) -> int:
        """Basis functions that energies are made of, without reference energies.

        Those with a coefficient that is not zero; where a network or an embedding takes the features of a
        descriptor, those that it takes, of every element.
        """
        count = first = 0
        for part in self.plan["parts"]:
            own = self.coefficients[first : first + part["n_features"]]
            first += len(own)
            if part["kind"] != "e0":
                count += int(np.count_nonzero(own)) if (taken := _taken(part)) is None else taken
        return count

    def evaluator(
        self, *, skin: float = 0.5, n_threads: int = 1, precision: Precision = "float64"
    ) -> Evaluator:
        """Make an evaluator, which keeps neighbour lists and memory between calls."""
        from atomsmith.evaluator import Evaluator

        return Evaluator(self, skin=skin, n_threads=n_threads, precision=precision)

    def grader(self, *, skin: float = 0.0, n_threads: int = 1) -> Grader:
        """Make what grades systems by how far they lie outside of the data.

        Raises
        ------
        InputError
            If the potential remembers nothing of its data.
        """
        if self.extrapolation is None:
            raise InputError(
                "The potential remembers nothing of its data; fit it with extrapolation: {kind: maxvol}, or "
                "ranges."
            )
        return Grader(self.extrapolation, self.plan, skin=skin, n_threads=n_threads)

    def calculator(
        self,
        *,
        committee: bool = False,
        skin: float = 0.5,
        n_threads: int = 1,
        precision: Precision = "float64",
    ) -> AtomsmithCalculator:
        """Make an ASE calculator: energy, free_energy, energies, forces, stress.

        With ``committee`` its results also hold ``committee_energy`` (K,), ``committee_forces`` (K, N, 3),
        ``committee_stress`` (K, 6) and ``energy_std``, the exact posterior standard deviation. With
        ``precision="float32"`` it is faster and good to about seven digits (docs/speed.md).
        """
        from atomsmith.calculator import AtomsmithCalculator

        return AtomsmithCalculator(
            self, committee=committee, skin=skin, n_threads=n_threads, precision=precision
        )

    def ignorance(self, numbers: Iterable[int]) -> str | None:
        """Say which elements it does not know, as "the potential knows Cu, not Ag"; None if it knows all."""
        missing = [SYMBOLS[z] for z in numbers if z not in self.elements]
        known = ", ".join(SYMBOLS[z] for z in self.elements)
        return f"the potential knows {known}, not {', '.join(missing)}" if missing else None

    def predict(
        self,
        configurations: Sequence[Configuration],
        *,
        n_threads: int = 1,
        precision: Precision = "float64",
    ) -> Prediction:
        """Energy, forces and virial of every configuration; see `atomsmith.prediction.Prediction`."""
        if hasattr(configurations, "positions"):
            raise InputError("One structure was given to predict, expected a list; put it into one: [atoms].")
        evaluator = self.evaluator(skin=0.0, n_threads=n_threads, precision=precision)
        prediction = Prediction.joined(
            [evaluator.predict(Systems.from_configurations(some)) for some in _batches(configurations)]
        )
        require_finite(prediction, Systems.from_configurations(configurations))
        return prediction

    def save(self, path: str | Path) -> None:
        """Write potential.json (to a temporary file, then renamed).

        Raises
        ------
        InputError
            If the path is a folder, or its suffix that of a foreign format, which would not load again.
        """
        path = Path(path)
        require_own_suffix(path)
        data = {
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "library": library_version(),
            "elements": [int(z) for z in self.elements],
            "coefficients": _encode(self.coefficients),
            "committee": _encode(self.committee),
            "posterior": None if self.posterior is None else self.posterior.to_dict(),
            "features": {
                "order": _encode(self.features.order),
                "degree": _encode(self.features.degree),
                "smoothness": _encode(self.features.smoothness),
                "elements": [list(map(int, e)) for e in self.features.elements],
                "labels": list(self.features.labels),
            },
            "plan": _encode(self.plan),
            "metadata": self.metadata,
            "extrapolation": None if self.extrapolation is None else self.extrapolation.to_dict(),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            json.dump(data, file, allow_nan=False)

    @classmethod
    def load(cls, path: str | Path) -> Potential:
        """Read potential.json of this or an earlier version of the library, or a foreign format.

        Foreign formats are told by the suffix of the file (`atomsmith.exchange.formats`).

        Raises
        ------
        InputError
            If the file is missing, damaged, of another format or of a later version.
        """
        if is_foreign(path):
            return read_foreign(path)
        data = _read(Path(path))
        try:
            info, remembered = data["features"], data.get("extrapolation")
            potential = cls(
                elements=tuple(data["elements"]),
                plan=_upgraded(_decode(data["plan"])),
                features=FeatureInfo(
                    order=_decode(info["order"]),
                    degree=_decode(info["degree"]),
                    smoothness=_decode(info["smoothness"]),
                    elements=tuple(tuple(e) for e in info["elements"]),
                    labels=tuple(info["labels"]),
                ),
                coefficients=_decode(data["coefficients"]),
                posterior=None if data["posterior"] is None else Posterior.from_dict(data["posterior"]),
                committee=_decode(data["committee"]),
                metadata=data["metadata"],
                extrapolation=None if remembered is None else Extrapolation.from_dict(remembered),
            )
            _check_sizes(potential)
        except (LookupError, TypeError, ValueError, AttributeError, RuntimeError, InputError) as error:
            raise InputError(
                f"{path}: the potential is damaged ({type(error).__name__}: {error}); write it again with "
                "`atomsmith fit` or restore it from a copy."
            ) from error
        return potential


def _batches(configurations: Sequence[Configuration]) -> Iterator[Sequence[Configuration]]:
    """Configurations in order, one batch at least, each full with the one that reaches `AT_ONCE` atoms."""
    start, atoms = 0, 0
    for k, configuration in enumerate(configurations, start=1):
        atoms += len(configuration.numbers)
        if atoms >= AT_ONCE:
            yield configurations[start:k]
            start, atoms = k, 0
    if start < len(configurations) or start == 0:
        yield configurations[start:]


def require_own_suffix(path: Path) -> None:
    """Refuse to write potential.json under a suffix by which it would be read as a foreign format."""
    if is_foreign(path):
        raise InputError(
            f"{path}: the suffix '{path.suffix}' is that of another program's format; write potential.json, "
            "then convert it with `atomsmith export`."
        )


def _upgraded(plan: dict[str, Any]) -> dict[str, Any]:
    """A plan as this version writes it: files of version 0.1 hold a flag for the products of a bispectrum."""
    for part in plan["parts"]:
        if part.pop("quadratic", False):
            part["regressor"] = {"kind": "quadratic"}
    return plan


def _reach(part: Mapping[str, Any]) -> float:
    """Largest distance at which a part of a plan is not zero."""
    of_radial = part["radial"]["cutoff"] if "radial" in part else 0.0
    of_centres = [np.max(c["cutoff"], initial=0.0) for c in part.get("centres", ()) if "cutoff" in c]
    of_kernels = [kernel["cutoff"] for kernel in part.get("kernels", ())]
    of_part = np.max(part.get("cutoff", 0.0)), np.max(part.get("outer", 0.0))
    return float(max(np.max(of_radial), *of_part, *of_centres, *of_kernels))


def _taken(part: Mapping[str, Any]) -> int | None:
    """Features that the regressor of a part takes; None where coefficients say which ones count."""
    regressor = part.get("regressor", {})
    match regressor.get("kind"):
        case "network":
            return sum(int(np.count_nonzero(centre["scale"])) for centre in regressor["centres"])
        case "embedding":
            return sum(int(np.shape(centre["coefficients"])[-1]) for centre in regressor["centres"])
    return None


def _check_sizes(potential: Potential) -> None:
    """Raise ValueError where the parts of a potential do not fit together (the engine checks the plan)."""
    from atomsmith import _engine

    n = _engine.Model.from_plan(potential.plan).n_features
    if not isinstance(potential.metadata, dict):
        raise ValueError(f"the metadata are {potential.metadata!r}, expected names and values")
    if list(potential.elements) != potential.plan["elements"]:
        raise ValueError("elements differ from those of the plan")
    if potential.coefficients.shape != (n,) or len(potential.features) != n:
        raise ValueError(
            f"the plan has {n} features, but there are {len(potential.coefficients)} coefficients and facts "
            f"about {len(potential.features)} features"
        )
    if potential.committee.ndim != 2 or (len(potential.committee) and potential.committee.shape[1] != n):
        raise ValueError(f"the committee has the shape {potential.committee.shape}, expected (members, {n})")
    if potential.posterior is not None and potential.posterior.n_features != n:
        raise ValueError(f"the posterior is of {potential.posterior.n_features} features, expected {n}")
    if not (np.isfinite(potential.coefficients).all() and np.isfinite(potential.committee).all()):
        raise ValueError("a coefficient is not a finite number")


def _read(path: Path) -> dict[str, Any]:
    if not os.path.exists(path):  # false for names that are too long
        raise InputError(f"{path}: no such file; expected a potential written by `atomsmith fit`.")
    try:
        data = json.loads(read_text(path))
    except (OSError, InputError, json.JSONDecodeError) as error:
        raise InputError(f"{path}: not a readable JSON file ({error}); expected a potential.json.") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise InputError(f"{path}: not an Atomsmith potential (its 'format' is not '{FORMAT}').")
    if not isinstance(data.get("version"), int) or data["version"] > FORMAT_VERSION:
        raise InputError(
            f"{path}: written in format version {data.get('version')}, this library reads up to "
            f"{FORMAT_VERSION}; update atomsmith."
        )
    return data


def _encode(value: Any) -> Any:
    """Arrays become {"<dtype>": nested lists, "shape": ...}; JSON keeps every bit of a double."""
    if isinstance(value, np.ndarray):
        kind = "int32" if value.dtype.kind in "iu" else "float64"
        return {kind: value.astype(kind).ravel().tolist(), "shape": list(value.shape)}
    if isinstance(value, Mapping):
        return {str(key): _encode(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_encode(entry) for entry in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        for kind in ("int32", "float64"):
            if set(value) == {kind, "shape"}:
                return np.array(value[kind], dtype=kind).reshape(value["shape"])
        return {key: _decode(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_decode(entry) for entry in value]
    return value
