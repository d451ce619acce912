"""Every property by the name that it has in a settings file and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atomsmith.properties.base import Property
from atomsmith.properties.dynamics import DynamicsSettings, dynamics
from atomsmith.properties.elastic import ElasticSettings, elastic
from atomsmith.properties.equation_of_state import EosSettings, equation_of_state
from atomsmith.properties.expansion import ExpansionSettings, expansion
from atomsmith.properties.lattice import LatticeSettings, lattice
from atomsmith.properties.melting import MeltingSettings, melting
from atomsmith.properties.phonons import PhononSettings, phonons
from atomsmith.properties.polymorphs import PolymorphSettings, polymorphs
from atomsmith.properties.stability import StabilitySettings, stability
from atomsmith.properties.surfaces import SurfaceSettings, surfaces
from atomsmith.properties.vacancy import VacancySettings, vacancy

PROPERTIES: Mapping[str, Property[Any, Any]] = {
    "lattice": Property(
        LatticeSettings, lattice, "Lattice parameters and cohesive energy.", has_figure=False
    ),
    "eos": Property(
        EosSettings, equation_of_state, "Equation of state: volume, bulk modulus, the Delta gauge."
    ),
    "elastic": Property(ElasticSettings, elastic, "Elastic constants, moduli and mechanical stability."),
    "vacancy": Property(
        VacancySettings, vacancy, "Formation, migration and activation energy of the vacancy."
    ),
    "surfaces": Property(SurfaceSettings, surfaces, "Energies of surfaces."),
    "polymorphs": Property(PolymorphSettings, polymorphs, "Energies of other structures of the element."),
    "phonons": Property(PhononSettings, phonons, "Phonon bands, density of states, heat capacity."),
    "dynamics": Property(
        DynamicsSettings, dynamics, "Radial distribution, mean-square displacement, diffusion."
    ),
    "stability": Property(StabilitySettings, stability, "Energy drift and time to failure of dynamics."),
    "expansion": Property(ExpansionSettings, expansion, "Thermal expansion."),
    "melting": Property(MeltingSettings, melting, "Melting point by coexistence of crystal and liquid."),
}
"""Settings and function of each property."""
