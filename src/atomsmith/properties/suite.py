"""Several properties of one crystal with one potential: `atomsmith properties settings.yaml`."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from atomsmith.data.configuration import Configuration
from atomsmith.data.files import replacing
from atomsmith.potential import library_version
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report
from atomsmith.properties.dynamics import DynamicsSettings
from atomsmith.properties.elastic import ElasticSettings
from atomsmith.properties.equation_of_state import EosSettings
from atomsmith.properties.expansion import ExpansionSettings
from atomsmith.properties.lattice import LatticeSettings
from atomsmith.properties.melting import MeltingSettings
from atomsmith.properties.phonons import PhononSettings
from atomsmith.properties.polymorphs import PolymorphSettings
from atomsmith.properties.registry import PROPERTIES
from atomsmith.properties.sources import CrystalSettings, opened, opened_reference
from atomsmith.properties.stability import StabilitySettings
from atomsmith.properties.surfaces import SurfaceSettings
from atomsmith.properties.vacancy import VacancySettings
from atomsmith.reference.settings import ExecutorSettings, ReferenceSettings
from atomsmith.settings import Settings


class ChosenProperties(Settings):
    """Properties to compute; null leaves one out, {} takes its defaults."""

    lattice: LatticeSettings | None = Field(
        default=LatticeSettings(), description="Lattice parameters and cohesive energy."
    )
    eos: EosSettings | None = Field(default=EosSettings(), description="Equation of state.")
    elastic: ElasticSettings | None = Field(default=ElasticSettings(), description="Elastic constants.")
    vacancy: VacancySettings | None = Field(default=None, description="The vacancy of an elemental crystal.")
    surfaces: SurfaceSettings | None = Field(
        default=None, description="Energies of surfaces of an elemental crystal."
    )
    polymorphs: PolymorphSettings | None = Field(
        default=None, description="Energies of other structures of the element."
    )
    phonons: PhononSettings | None = Field(
        default=None, description="Phonon bands, density of states and thermal quantities."
    )
    dynamics: DynamicsSettings | None = Field(
        default=None, description="Radial distribution, mean-square displacement and diffusion."
    )
    stability: StabilitySettings | None = Field(
        default=None, description="Energy drift and time to failure of dynamics without thermostat."
    )
    expansion: ExpansionSettings | None = Field(
        default=None, description="Thermal expansion from dynamics at constant pressure."
    )
    melting: MeltingSettings | None = Field(
        default=None, description="Melting point by coexistence of crystal and liquid."
    )

    def chosen(self) -> Iterator[tuple[str, Settings]]:
        """Names and settings, in the order of the registry."""
        for name in PROPERTIES:
            settings = getattr(self, name)
            if settings is not None:
                yield name, settings


class SuiteSettings(Settings):
    """Settings of `atomsmith properties`."""

    potential: Path | None = Field(default=None, description="A potential.json.")
    reference: ReferenceSettings | None = Field(
        default=None, description="Another potential instead, as an ASE calculator or LAMMPS pair style."
    )
    executor: ExecutorSettings = Field(
        default=ExecutorSettings(), description="Where the reference runs, if there is one."
    )
    crystal: CrystalSettings = Field(description="The crystal.")
    properties: ChosenProperties = Field(default=ChosenProperties(), description="What to compute.")
    threads: int = Field(default=1, ge=1, description="Threads of the engine.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.potential is None) == (self.reference is None):
            raise ValueError("give either a potential or a reference")
        return self

    @contextmanager
    def force_field(self, crystal: Configuration) -> Iterator[ForceField]:
        """Open the potential or the reference."""
        if self.potential is not None:
            with opened(self.potential, crystal, self.threads) as force_field:
                yield force_field
        else:
            assert self.reference is not None
            with opened_reference(self.reference, crystal, self.executor) as force_field:
                yield force_field

    def fingerprint(self, name: str) -> str:
        """Hash of all that a property's result depends on; it is computed again when that has changed."""
        content: dict[str, Any] = {
            "library": library_version(),
            "property": getattr(self.properties, name).model_dump(mode="json"),
            "crystal": self.crystal.build().fingerprint(labels=False),
            "reference": None if self.reference is None else self.reference.model_dump(mode="json"),
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
        if self.potential is not None:
            digest.update(self.potential.read_bytes())
        return digest.hexdigest()


OnResult = Callable[[str, dict[str, Any], PropertyResult | None], None]
"""Takes a property's name, its numbers, and the result itself unless it was computed by an earlier run."""


def run_suite(
    settings: SuiteSettings,
    folder: Path,
    *,
    on_result: OnResult,
    report: Callable[[str], Report],
) -> dict[str, dict[str, Any]]:
    """Compute the chosen properties, each written to ``folder`` when it is done.

    A property that stands in the folder with the same settings, crystal and potential is not computed again,
    so that a run that was stopped goes on.

    Parameters
    ----------
    settings
        What to compute.
    folder
        Gets ``NAME.json`` and, where there is a figure, ``NAME.png`` for each property.
    on_result
        Called after each property.
    report
        Makes the progress callback of a property from its name.

    Raises
    ------
    InputError
        If potential and crystal do not fit, or a property refuses the crystal.
    """
    folder.mkdir(parents=True, exist_ok=True)
    crystal = settings.crystal.build()
    numbers: dict[str, dict[str, Any]] = {}
    with settings.force_field(crystal) as force_field:
        for name, one in settings.properties.chosen():
            path, fingerprint = folder / f"{name}.json", settings.fingerprint(name)
            numbers[name] = _stored(path, fingerprint)
            result = None
            if not numbers[name]:
                running = folder / f"{name}.running"
                result = PROPERTIES[name].compute(
                    force_field, crystal, one, report=report(name), folder=running
                )
                numbers[name] = {"fingerprint": fingerprint, **result.to_dict()}
                _store(path, numbers[name], result)
                shutil.rmtree(running, ignore_errors=True)
            on_result(name, numbers[name], result)
    return numbers


def _stored(path: Path, fingerprint: str) -> dict[str, Any]:
    """Numbers of an earlier run; empty if there are none with this fingerprint."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.get("fingerprint") == fingerprint else {}


def _store(path: Path, numbers: dict[str, Any], result: PropertyResult) -> None:
    figure = result.figure()
    if figure is not None:
        from atomsmith.report.figures.style import render

        path.with_suffix(".png").write_bytes(render(figure, path.stem).png)
    with replacing(path) as stream:
        json.dump(numbers, stream, indent=2, allow_nan=False)
