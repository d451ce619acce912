"""One verb a property: `atomsmith elastic potential.json --element Ni`.

The options of a verb are made from the property's settings model, so that they have the same names and the
same documentation as the keys of a settings file. Models are imported when their verb is called.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile, Overrides, Threads
from atomsmith.errors import InputError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from atomsmith.settings import Settings

PANEL = "Properties"


@dataclass(frozen=True)
class Verb:
    """What the help pages say of a property: a summary, details and the arguments of an example."""

    summary: str
    details: str
    example: str


PROPERTY_VERBS: Mapping[str, Verb] = {
    "lattice": Verb(
        "Relax a crystal: lattice parameters and cohesive energy.",
        "The cell is scaled to the nearest minimum of energy, then cell and atoms are relaxed.",
        "potential.json --element Ni --crystal fcc",
    ),
    "eos": Verb(
        "Compute the equation of state of a crystal.",
        "Energies over volumes, with the curve by Birch and Murnaghan. The Delta gauge compares it with "
        "another curve.",
        "potential.json --element Ni --figure eos.png",
    ),
    "elastic": Verb(
        "Compute elastic constants and moduli of a crystal.",
        "From stresses of strained cells, reduced by symmetry, with relaxed and with clamped ions.",
        "potential.json --structure Ni.cif --json elastic.json",
    ),
    "vacancy": Verb(
        "Compute formation and migration energies of the vacancy.",
        "Atoms relax at constant volume; jumps to the nearest sites are found by a climbing-image nudged "
        "elastic band.",
        "potential.json --element Ni --supercell-angstrom 12",
    ),
    "surfaces": Verb(
        "Compute surface energies of an elemental crystal.",
        "All planes up to a largest Miller index, every cut, relaxed without reconstruction.",
        "potential.json --element Ni --largest-index 2",
    ),
    "polymorphs": Verb(
        "Compare the energies of an element's structures.",
        "Each is relaxed in cell and atoms; those that turn into another are marked.",
        "potential.json --element Si --structures diamond --structures beta_sn",
    ),
    "phonons": Verb(
        "Compute phonon bands, density of states and thermal quantities.",
        "By finite displacements with phonopy; imaginary modes are reported.",
        "potential.json --element Si --figure phonons.png",
    ),
    "dynamics": Verb(
        "Compute the radial distribution and diffusion at a temperature.",
        "Several walkers are advanced together; --melt-at-k heats them first, to study the liquid.",
        "potential.json --element Cu --temperature-k 1500 --melt-at-k 3000",
    ),
    "stability": Verb(
        "Measure energy drift and time to failure of dynamics.",
        "Runs without thermostat from several seeds, all at once.",
        "potential.json --element Cu --temperature-k 1000 --seeds 8",
    ),
    "expansion": Verb(
        "Compute the thermal expansion of a crystal.",
        "Dynamics at constant pressure, all temperatures at once.",
        "potential.json --element Cu --temperatures-k 300 --temperatures-k 600",
    ),
    "melting": Verb(
        "Find the melting point by coexistence of crystal and liquid.",
        "Where their boundary stands still; all temperatures of a round run at once.",
        "potential.json --element Cu --lowest-k 900 --highest-k 1800",
    ),
}
"""The verbs in the order of the help page; names are those of `atomsmith.properties.PROPERTIES`."""

_LISTS = {int: list[int], float: list[float], str: list[str]}

_POTENTIAL = Annotated[
    Path,
    typer.Argument(
        metavar="POTENTIAL",
        help="A fitted potential.json, or a YAML file with a `reference` (LAMMPS, an ASE calculator...).",
        show_default=False,
    ),
]
_FIGURE = Annotated[
    Path | None, typer.Option("--figure", metavar="FILE.png", help="Draw the result.", show_default=False)
]
_CHECKPOINT = Annotated[
    Path | None,
    typer.Option(
        "--checkpoint",
        metavar="FOLDER",
        help="Keep here what dynamics need to go on when the same command is given again.",
        show_default=False,
    ),
]


def property_command(name: str) -> Callable[..., None]:
    """Make the verb of a property, with the options of its settings."""
    from atomsmith.properties.registry import PROPERTIES
    from atomsmith.properties.sources import CrystalSettings

    model = PROPERTIES[name].settings
    crystal_options, own_options = _options(CrystalSettings), _options(model)

    @reported(interrupted="with --checkpoint dynamics go on when the same command is given again")
    def verb(potential: Path, **given: Any) -> None:
        _compute(name, model, potential, given, set(crystal_options), set(own_options))

    parameters = {
        "potential": _POTENTIAL,
        **crystal_options,
        **own_options,
        "overrides": Overrides,
        "json_file": JsonFile,
        "figure": _FIGURE,
        "checkpoint": _CHECKPOINT,
        "threads": Threads,
    }
    defaults = {"potential": inspect.Parameter.empty, "threads": 1}
    verb.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                key,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=defaults.get(key),
                annotation=annotation,
            )
            for key, annotation in parameters.items()
        ]
    )
    verb.__annotations__ = dict(parameters)
    described = PROPERTY_VERBS[name]
    verb.__doc__ = (
        f"{described.summary}\n\n{described.details} Settings within settings, such as those of a "
        f"relaxation, are given with --set.\n\nExample: atomsmith {name} {described.example}\n"
    )
    return verb


def _compute(
    name: str,
    model: type[Settings],
    potential: Path,
    given: dict[str, Any],
    crystal_keys: set[str],
    own_keys: set[str],
) -> None:
    from atomsmith.cli.output import require_writable, show_table, write_json
    from atomsmith.cli.progress import LiveLine
    from atomsmith.properties.registry import PROPERTIES
    from atomsmith.properties.sources import CrystalSettings, opened
    from atomsmith.settings_file import settings_from_assignments

    chosen = settings_from_assignments(CrystalSettings, _assignments(given, crystal_keys), "the options")
    own = [*_assignments(given, own_keys), *(given["overrides"] or [])]
    settings = settings_from_assignments(model, own, "the options")
    inputs = [potential] if chosen.structure is None else [potential, chosen.structure]
    require_writable({"--json": given["json_file"], "--figure": given["figure"]}, inputs)
    if given["figure"] is not None and given["figure"].suffix.lower() != ".png":
        raise InputError(f"--figure {given['figure']}: figures are PNG files; give a name that ends in .png.")
    if given["figure"] is not None and not PROPERTIES[name].has_figure:
        raise InputError(f"--figure {given['figure']}: {name} has no figure; leave it out.")
    crystal = chosen.build()
    with opened(potential, crystal, given["threads"]) as force_field, LiveLine(name) as line:
        result = PROPERTIES[name].compute(
            force_field,
            crystal,
            settings,
            report=lambda done, _total, text: line.show(done, text),
            folder=given["checkpoint"],
        )
    show_table(result.table())
    if given["json_file"] is not None:
        numbers = {"property": name, "potential": potential, **result.to_dict()}
        write_json(given["json_file"], numbers)
    if given["figure"] is not None:
        write_figure(given["figure"], result.figure())


def write_figure(path: Path, figure: Any) -> None:
    """Write a figure as PNG.

    Raises
    ------
    InputError
        If there is none.
    """
    from atomsmith.data.files import replacing_bytes
    from atomsmith.report.figures.style import render

    if figure is None:
        raise InputError(f"--figure {path}: this result has no figure; see the table for why.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing_bytes(path) as file:
        file.write(render(figure, path.stem).png)


def _assignments(given: dict[str, Any], keys: set[str]) -> list[str]:
    """Texts KEY=VALUE of the options that were given."""
    found = {key: given[key] for key in keys if given[key] not in (None, [])}
    return [
        f"{key}={json.dumps(str(value) if isinstance(value, Path) else value)}"
        for key, value in found.items()
    ]


def _options(model: type[Settings]) -> dict[str, Any]:
    """Annotated option of every field that one value, or a list of values, can set."""
    options: dict[str, Any] = {}
    for key, field in model.model_fields.items():
        kind = _kind(field.annotation)
        if kind is not None:
            options[key] = Annotated[kind | None, _option(key, field, kind)]
    return options


def _option(key: str, field: FieldInfo, kind: Any) -> Any:
    flag = "--" + key.replace("_", "-")
    names = f"{flag}/--no-{key.replace('_', '-')}" if kind is bool else flag
    choices = _choices(field.annotation)
    default = field.get_default(call_default_factory=False)
    if isinstance(default, list | tuple):
        shown: str | bool = " ".join(map(str, default)) or False
    else:
        shown = str(default).lower() if isinstance(default, bool) else str(default)
    return typer.Option(
        names,
        help=field.description,
        metavar="|".join(choices) if choices else None,
        show_default=shown if default is not None and not field.is_required() else False,
    )


def _kind(annotation: Any) -> Any:
    """Type of a command line option for a field; None for what only --set can give."""
    annotation = _without_none(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return str
    if origin in (list, tuple) and arguments:
        same = origin is list or (len(arguments) == 2 and arguments[1] is Ellipsis)
        return _LISTS.get(_kind(arguments[0])) if same else None
    return annotation if annotation in (bool, int, float, str, Path) else None


def _choices(annotation: Any) -> tuple[str, ...]:
    annotation = _without_none(annotation)
    if get_origin(annotation) in (list, tuple):
        annotation = get_args(annotation)[0]
    return tuple(map(str, get_args(annotation))) if get_origin(annotation) is Literal else ()


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        kept = [one for one in get_args(annotation) if one is not type(None)]
        return kept[0] if len(kept) == 1 else None
    return annotation
