"""Glue baselines of Gaussian approximation potentials: against QUIP's numbers, and what is refused."""

import pytest
from numpy.testing import assert_allclose, assert_array_equal

from atomsmith import Potential
from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap import read_gap
from exchange.gap_files import alloy, write_gap

SUM = "Sum init_args_pot1={IP Glue} init_args_pot2={IP GAP label=made}"
KERNEL = [("distance_2b cutoff=4.0 Z1=29 Z2=79", (1.0,), 3)]
TYPE = """<per_type_data atomic_num="{number}" type="{kind}">
<density num_points="2" density_y1="-1.0" density_yn="0.0">
<point a="1.0" rho="1.0"/><point a="2.0" rho="2.0"/></density>
<potential_density num_points="2"><point rho="1.0" E="0.0"/><point rho="2.0" E="0.0"/></potential_density>
</per_type_data>
"""
PAIR = """<per_pair_data type1="{first}" type2="{second}"><potential_pair num_points="{count}" {ends}>
{points}</potential_pair></per_pair_data>
"""
# A natural end and one of slope zero; both slopes given, tables in both orders; no table for the last element
# with itself.
TABLES = (
    (
        1,
        1,
        'y1="1.0e50" yn="0.0"',
        ((0.5, 9.0), (1.0, 4.0), (1.5, 1.0), (2.43, -0.4), (2.9, -0.3), (4.0, 0.0)),
    ),
    (2, 1, 'y1="0.3"', ((0.5, 1.0), (1.2, 1.0), (2.5, 1.0), (3.5, 0.0))),
    (1, 2, 'y1="-3.5"', ((3.0, 7.0), (3.1, 6.8), (3.333333333333, 1.5), (3.7, 0.0))),
)


def glue(tables=TABLES):
    """Glue_params of gold (type 1), copper (2) and an element of nobody's."""
    types = "".join(TYPE.format(number=z, kind=k + 1) for k, z in enumerate((79, 29, 6)))
    pairs = "".join(
        PAIR.format(
            first=first,
            second=second,
            count=len(points),
            ends=ends,
            points="".join(f'<point r="{r}" E="{e}"/>\n' for r, e in points),
        )
        for first, second, ends, points in tables
    )
    return f'<quip><Glue_params n_types="3">\n{types}{pairs}</Glue_params></quip>\n'


# Printed by quippy-ase 0.10.3 (get_potential_energy, get_forces, get_stress) of alloy("CuAu2Cu"), and of the
# same in a cell of 0.45 times the edges, where atoms are nearer than the first points.
QUIP = {
    1.0: (
        108.85103624940818,
        [
            [0.14781484131359468, -1.2543400266194353, -2.549921529217087],
            [5.463307227501267, 2.6510065771403712, -3.815964233941427],
            [1.849137260615931, -16.44536784580702, -14.676967119764932],
            [-7.460259329430794, 15.04870129528608, 21.04285288292345],
        ],
        [
            -0.7626108438292196,
            -1.086219497032032,
            -1.894368675808625,
            -0.47845078529943263,
            0.24095068761925512,
            0.05757919568650321,
        ],
    ),
    0.45: (
        771.3539911659402,
        [
            [-0.611835596265093, -42.985687467203554, -8.298416169550823],
            [-20.09425782025925, 23.228715648151045, 40.268004207562385],
            [-11.792072286533017, 72.9480863238492, 33.012240983235934],
            [32.498165703057374, -53.19111450479666, -64.98182902124749],
        ],
        [
            -194.88079939870653,
            -187.05756985879427,
            -213.61797539453303,
            44.325181534557494,
            -9.292316104218571,
            -18.062246607159704,
        ],
    ),
}


def squeezed(share):
    """The alloy in a smaller cell."""
    atoms = alloy("CuAu2Cu")
    atoms.set_cell(share * atoms.cell.array, scale_atoms=True)
    return atoms


@pytest.mark.parametrize("share", QUIP)
def test_a_baseline_of_pairs_agrees_with_quip(share, tmp_path):
    potential = read_gap(write_gap(tmp_path, KERNEL, potential=SUM, behind=glue()))
    assert potential.elements == (29, 79)
    energy, forces, stress = QUIP[share]
    atoms = squeezed(share)
    atoms.calc = potential.calculator()
    assert abs(atoms.get_potential_energy() - energy) < 1e-9 * len(atoms)
    assert_allclose(atoms.get_forces(), forces, atol=1e-8)
    assert_allclose(atoms.get_stress(), stress, atol=1e-9)
    potential.save(tmp_path / "potential.json")
    again = squeezed(share)
    again.calc = Potential.load(tmp_path / "potential.json").calculator()
    assert_array_equal(again.get_forces(), atoms.get_forces())


def test_elements_without_a_table_do_not_interact(tmp_path):
    only = read_gap(write_gap(tmp_path, KERNEL, potential=SUM, behind=glue(TABLES[:1])))
    none = read_gap(write_gap(tmp_path, KERNEL))
    copper = [alloy("Cu4"), alloy("Cu4")]
    for atoms, potential in zip(copper, (only, none), strict=True):
        atoms.calc = potential.calculator()
    assert copper[0].get_potential_energy() == copper[1].get_potential_energy()
    gold = alloy("Au4")
    gold.calc = only.calculator()
    without = alloy("Au4")
    without.calc = none.calculator()
    assert gold.get_potential_energy() != without.get_potential_energy()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('rho="2.0" E="0.0"', 'rho="2.0" E="-0.1"', "an energy of the density of element 79"),
        (
            '<potential_density num_points="2">',
            '<potential_density num_points="2" y1="0.2">',
            "of the density",
        ),
        ("{IP Glue}", "{IP LJ}", "in a Sum with 'IP Glue' or 'IP ZBL', is supported"),
        ("{IP Glue}", "{IP Glue label=other}", "but 0 Glue_params are for it"),
        (
            "{IP GAP label=made}",
            "{IP GAP label=made r_scale=2.0}",
            "is supported; fit without the other terms",
        ),
        ('type2="1"', 'type2="7"', "is for types"),
        ('r="1.0"', 'r="3.0"', "whose distances rise"),
        ('r="1.0"', 'r="x"', "'r' of point is 'x', expected a number"),
    ],
)
def test_what_is_not_supported_is_refused(tmp_path, old, new, message):
    path = write_gap(tmp_path, KERNEL, potential=SUM, behind=glue())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        read_gap(path)
    assert str(path) in str(error.value)


def test_the_potential_is_found_by_its_label_wherever_it_stands(tmp_path):
    path = write_gap(tmp_path, KERNEL, potential=SUM, behind=glue())
    text = path.read_text()
    start, end = text.index("<GAP_params"), text.index("</GAP_params>") + len("</GAP_params>")
    params = text[start:end]
    other = params.replace('GAP_params label="made"', 'GAP_params label="other"').replace('-0.1"', '-9.0"')
    path.write_text(f"{text[:start]}<inside>{other}{params}</inside>{text[end:]}")
    assert read_gap(path).coefficients[0] == -0.1
    path.write_text(f"{text[:start]}{params}{params}{text[end:]}")
    with pytest.raises(InputError, match="it has 2 GAP_params"):
        read_gap(path)
