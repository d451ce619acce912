"""A piece of a walker's path in LAMMPS: its input, and what came of it.

A walker's path is cut at checkpoints, and every piece is a run of LAMMPS of its own that begins with the file
its predecessor left. So a path that was interrupted is the same, bit for bit, as one that was not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from atomsmith.sampling.guards import hottest_ratio
from atomsmith.sampling.settings import Parameters, SamplingSettings
from atomsmith.sampling.state import StopReason
from atomsmith.sampling.trigger import Knowledge
from atomsmith.systems import FloatArray

BAR_PER_GPA = 1.0e4
FS_PER_PS = 1000.0
BAROSTAT_STEPS = 1000
"""Time of the barostat, in steps, as LAMMPS's manual advises."""

DATA, RESTART, DUMP, POTENTIAL = "start.data", "end.restart", "end.dump", "potential.json"
COLUMNS = (
    "step", "energy", "temperature", "pressure", "volume", "sigma", "tau", "mean_force", "mean_gradient",
    "uncertainty", "closest", "unseen",
)  # fmt: skip
"""What a row of the trace tells, in LAMMPS's units; NaN where nobody asked for it, and tau 0."""
_ASKED = {"uncertainty", "sigma", "mean_force", "mean_gradient"}

HALTS = {
    "uncertainty": StopReason.UNCERTAINTY,
    "unseen": StopReason.UNSEEN_DISTANCE,
    "energy": StopReason.ENERGY,
    "temperature": StopReason.TEMPERATURE,
    "distance": StopReason.SHORTEST_DISTANCE,
}
"""Names of the fixes that halt a run, later ones outranking earlier ones."""

UNSTABLE = (
    "is not a finite number", "on top of each other", "Lost atoms", "Non-numeric", "tilted box too far",
)  # fmt: skip
"""In messages of LAMMPS about walkers that have left physics."""


@dataclass(frozen=True, eq=False)
class Piece:
    """One piece of a path.

    Attributes
    ----------
    settings, parameters, knowledge
        Of the walker; its parameters alone, arrays of one.
    elements
        Chemical symbols of the atom types.
    numbers
        Their atomic numbers.
    n_atoms
        Atoms of the walker.
    begin, end
        First and last step.
    restart
        File to go on from; None: the walker starts.
    start_energy
        Energy at step 0 in eV; None: LAMMPS finds it.
    seed
        Of the thermostat.
    threads
        Of every rank.
    resumed
        tau and the averages of |F| and |grad sigma| at the first step; None where there are none.
    boundary
        Arguments of the command.
    """

    settings: SamplingSettings
    parameters: Parameters
    knowledge: Knowledge
    elements: Sequence[str]
    numbers: Sequence[int]
    n_atoms: int
    begin: int
    end: int
    restart: Path | None
    start_energy: float | None
    seed: int
    threads: int
    resumed: tuple[float, float, float] | None
    boundary: str

    @property
    def breathes(self) -> bool:
        """Whether the cell changes."""
        return self.settings.pressure_gpa is not None

    @property
    def known(self) -> set[str]:
        """Columns about uncertainty and bias that LAMMPS computes."""
        found = set()
        if self.settings.trigger is not None:
            found |= {"uncertainty", "sigma"}
        if self.settings.biased:
            found |= {"sigma", "mean_force", "mean_gradient"}
        return found

    def script(self) -> str:
        """Input of LAMMPS, into which the plugin is loaded already."""
        lines = [
            *self._start(),
            *self._potential(),
            *self._measurements(),
            *self._dynamics(),
            *self._first_row(),
            *self._halts(),
            f"fix rows all print {self.settings.record_every} {_ROW} screen no file rows title none",
            "run ${steps}",
            "unfix rows",
            "run 0",  # so that everything is known of the last step, wherever the run was halted
            f"print {_ROW}",
            'print "box $(lx:%.17g) $(ly:%.17g) $(lz:%.17g) $(xy:%.17g) $(xz:%.17g) $(yz:%.17g)"',
            'print "virial $(c_virial[1]:%.17g) $(c_virial[2]:%.17g) $(c_virial[3]:%.17g) '
            '$(c_virial[4]:%.17g) $(c_virial[5]:%.17g) $(c_virial[6]:%.17g)"',
            f"write_dump all custom {DUMP} id xu yu zu vx vy vz fx fy fz modify format float %.17g",
            f"write_restart {RESTART}",
        ]
        return "\n".join(lines) + "\n"

    def _start(self) -> list[str]:
        if self.restart is not None:
            return [f'read_restart "{self.restart}"']
        return [
            "units metal",
            "atom_style atomic",
            f"boundary {self.boundary}",
            "box tilt large",
            f"read_data {DATA}",
        ]

    def _potential(self) -> list[str]:
        style = f"pair_style atomsmith threads {self.threads}"
        if self.settings.biased and (bias := self.settings.bias) is not None:
            style += (
                f" bias relative {bias.tau_rel!r} sigma {bias.uncertainty} window {bias.window_steps} "
                f"burn {bias.burn_in_steps} ramp {bias.ramp_steps} every {self.settings.check_every} start 0"
            )
            if self.resumed is not None:
                style += " resume " + " ".join(repr(value) for value in self.resumed)
        return [style, f"pair_coeff * * {POTENTIAL} {' '.join(self.elements)}", "neighbor 1.0 bin"]

    def _measurements(self) -> list[str]:
        """Computes, and variables of the same names for all that a row tells."""
        settings = self.settings
        lines = [
            "compute potential all pe",
            "compute heat all temp",
            f"compute_modify heat extra/dof {3 if settings.fix_centre_of_mass else 0}",
            "compute pressure all pressure heat",
            "compute virial all pressure NULL virial",
        ]
        values = dict.fromkeys(COLUMNS[1:], "0.0") | {
            "energy": "c_potential",
            "temperature": "c_heat",
            "pressure": "c_pressure",
            "volume": "vol",
        }
        if settings.trigger is not None:
            epsilon, spread = float(self.parameters.epsilon[0]), float(self.parameters.spread[0])
            lines.append(f"compute uncertainty all atomsmith/uncertainty eps {epsilon!r} scale {spread!r}")
            entry = {"max": 2, "softmax": 4}[settings.trigger.reduction]
            values |= {"sigma": "c_uncertainty[1]", "uncertainty": f"c_uncertainty[{entry}]"}
        if settings.biased:
            lines.append("compute bias all pair atomsmith")
            names = ("sigma", "energy", "tau", "mean_force", "mean_gradient")
            values |= {name: f"c_bias[{k}]" for k, name in enumerate(names, start=1)}
        for name, table in (("closest", self._allowed()), ("unseen", self._seen())):
            values[name] = f"c_{name}" if table else "1e20"
            lines += [f"compute {name} all atomsmith/closest {table}"] if table else []
        lines += [f"variable {name} equal {value}" for name, value in values.items()]
        known = " ".join(f"v_{name}" for name in COLUMNS[1:])
        return [*lines, f"thermo_style custom step {known} c_virial[*]", "thermo_modify norm no"]

    def _allowed(self) -> str:
        distance = self.settings.guards.shortest_distance_angstrom
        return "" if distance is None else f"* * {distance!r}"

    def _seen(self) -> str:
        """Types and distances below which there are no data."""
        if not bool(self.parameters.unseen[0]):
            return ""
        types = {z: k for k, z in enumerate(self.numbers, start=1)}
        return " ".join(
            f"{types[a]} {types[b]} {distance!r}"
            for (a, b), distance in self.knowledge.closest.items()
            if a in types and b in types and distance > 0.0
        )

    def _dynamics(self) -> list[str]:
        settings, at = self.settings, np.array([self.begin])
        until = np.array([self.end])
        move = "nve"
        if self.breathes:
            first, last = (float(self.parameters.pressure_gpa(s)[0]) * BAR_PER_GPA for s in (at, until))
            time = BAROSTAT_STEPS * settings.timestep_fs / FS_PER_PS
            move = f"nph {cell_changes(settings)} {first!r} {last!r} {time!r}"
        lines = [f"timestep {settings.timestep_fs / FS_PER_PS!r}", f"fix move all {move}"]
        if settings.ensemble == "nvt" and settings.friction_per_fs > 0.0:
            first, last = (float(self.parameters.temperature(s)[0]) for s in (at, until))
            damping = 1.0 / (settings.friction_per_fs * FS_PER_PS)
            centre = "yes" if settings.fix_centre_of_mass else "no"
            lines.append(
                f"fix thermostat all langevin {first!r} {last!r} {damping!r} {self.seed} zero {centre}"
            )
        return lines

    def _first_row(self) -> list[str]:
        lines = [f"variable steps equal {self.end - self.begin}", "thermo 0", "run 0 post no"]
        return lines if self.restart is not None else [*lines, f"print {_ROW}"]

    def _halts(self) -> list[str]:
        """Fixes that end the run where the trigger or a guard says so; a start is judged at once."""
        settings, guards, trigger = self.settings, self.settings.guards, self.settings.trigger
        lines = []

        def halt(name: str, every: int, value: str, condition: str) -> None:
            judged = f"v_judged_{name}"
            lines.append(f"variable judged_{name} equal {value}")
            lines.append(f"fix {name} all halt {every} {judged} {condition} error continue message yes")
            if self.restart is None:  # from such a start a walker does not move
                said = f"print 'Fix halt condition for fix-id {name} met at the start'"
                lines.append(f'if "$({judged}) {condition}" then "variable steps equal 0" "{said}"')

        if trigger is not None:
            late = f"(step>={trigger.minimum_steps})"
            halt("uncertainty", settings.check_every, f"{late}*v_uncertainty", f"> {trigger.tolerance!r}")
            if self._seen():
                # The ratio itself counts from a step on; before, nothing is below one.
                early = f"1e20*(step<{trigger.minimum_steps})"
                halt("unseen", guards.distance_every, f"v_unseen+{early}", "< 1.0")
        if guards.energy_change_ev_per_atom is not None:
            start = "$(v_energy:%.17g)" if self.start_energy is None else repr(self.start_energy)
            limit = guards.energy_change_ev_per_atom * self.n_atoms
            halt("energy", 1, f"abs(v_energy-({start}))", f"> {limit!r}")
        if guards.temperature_factor is not None and (limit_text := self._hottest(guards.temperature_factor)):
            halt("temperature", 1, f"v_temperature/({limit_text})", "> 1.0")
        if self._allowed():
            halt("distance", guards.distance_every, "v_closest", "< 1.0")
        return lines

    def _hottest(self, factor: float) -> str:
        """Limit of the temperature in K, as a formula of LAMMPS; empty where there is no scale."""
        freedom = 3.0 * self.n_atoms - (3.0 if self.settings.fix_centre_of_mass else 0.0)
        ratio = float(hottest_ratio(np.array([factor]), np.array([freedom]))[0])
        warmest = float(self.parameters.temperature_start[0])
        first, last = (float(self.parameters.temperature(np.array([s]))[0]) for s in (self.begin, self.end))
        if max(warmest, first, last) <= 0.0:
            return ""
        if last <= warmest:
            return repr(ratio * warmest)
        slope = (last - first) / (self.end - self.begin)
        now = f"({first!r}+{slope!r}*(step-{self.begin}))"
        return f"{ratio!r}*0.5*({now}+{warmest!r}+abs({now}-{warmest!r}))"


_ROW = '"row $(step) ' + " ".join(f"$(v_{name}:%.17g)" for name in COLUMNS[1:]) + '"'


def cell_changes(settings: SamplingSettings) -> str:
    """Keyword of LAMMPS's barostat for the cell moves of the settings."""
    kinds = set(settings.cell_moves.kinds)
    if "shape" in kinds:
        return "tri"
    return "aniso" if "anisotropic" in kinds else "iso"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a piece.

    Attributes
    ----------
    rows
        Columns `COLUMNS` of the trace, by name; the last one is the end.
    reason
        Which guard or trigger halted it; None if none did.
    box
        Lower-triangular lattice vectors at the end, angstrom.
    virial
        In LAMMPS's frame, bar, shape (3, 3).
    positions, velocities, forces
        At the end in LAMMPS's frame and units, shape (N, 3), positions unwrapped.
    """

    rows: Mapping[str, FloatArray]
    reason: StopReason | None
    box: FloatArray
    virial: FloatArray
    positions: FloatArray
    velocities: FloatArray
    forces: FloatArray


def outcome_of(folder: Path, output: str, piece: Piece) -> Outcome:
    """Read what a run left in its folder and printed."""
    file = folder / "rows"
    recorded = [*_numbers(output, "row"), *(_numbers(file.read_text(), "row") if file.exists() else [])]
    # The first row of a run is that of the end of the one before, except at the very start.
    by_step = {int(row[0]): row for row in recorded if row[0] > piece.begin or piece.begin == 0}
    end = _numbers(output, "row")[-1]
    by_step[int(end[0])] = end
    table = np.array([by_step[step] for step in sorted(by_step)])
    for name in _ASKED - piece.known:
        table[:, COLUMNS.index(name)] = np.nan
    lx, ly, lz, xy, xz, yz = _numbers(output, "box")[-1]
    xx, yy, zz, vxy, vxz, vyz = _numbers(output, "virial")[-1]
    atoms = _read_dump((folder / DUMP).read_text())
    return Outcome(
        rows=dict(zip(COLUMNS, table.T, strict=True)),
        reason=_reason(output),
        box=np.array([[lx, 0.0, 0.0], [xy, ly, 0.0], [xz, yz, lz]]),
        virial=np.array([[xx, vxy, vxz], [vxy, yy, vyz], [vxz, vyz, zz]]),
        positions=atoms[:, 1:4],
        velocities=atoms[:, 4:7],
        forces=atoms[:, 7:10],
    )


def _reason(output: str) -> StopReason | None:
    """Why a run was halted, by what LAMMPS says."""
    said = set(re.findall(r"Fix halt condition for fix-id (\w+) met", output))
    found = [reason for name, reason in HALTS.items() if name in said]
    return found[-1] if found else None


def _numbers(text: str, tag: str) -> list[list[float]]:
    """Numbers in the lines that begin with a word."""
    return [
        [float(word) for word in line.split()[1:]] for line in text.splitlines() if line.startswith(f"{tag} ")
    ]


def _read_dump(text: str) -> FloatArray:
    """Columns of the atoms of a dump, in the order of their numbers."""
    lines = text.split("ITEM: ATOMS ")[-1].splitlines()[1:]
    values = np.array([line.split() for line in lines], dtype=np.float64)
    ordered: FloatArray = values[np.argsort(values[:, 0])]
    return ordered
