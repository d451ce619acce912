"""Squared-exponential kernels of QUIP, distance_2b and angle_3b, against its numbers for made-up files."""

import pytest
from numpy.testing import assert_allclose, assert_array_equal

from atomsmith import Potential
from atomsmith.errors import InputError
from atomsmith.exchange.gap import read_gap
from exchange.gap_files import alloy, write_gap

ANY = "angle_3b cutoff=3.4 cutoff_transition_width=0.6 theta_uniform=1.2"
TERMS = {
    "any elements": [(ANY, (1.2, 1.2, 1.2), 9)],
    "some elements": [
        ("distance_2b cutoff=4.2 Z1=29 Z2=0", (0.9,), 4),
        ("angle_3b cutoff=3.4 Z_center=79 Z1=29 Z2=79 theta_fac=0.3", (1.3, 0.6, 0.9), 5),
        ("angle_3b cutoff=3.2 cutoff_transition_width=1.0 Z=0 Z1=0 Z2=29", (0.8, 0.5, 1.1), 7),
    ],
}
# Printed by quippy-ase 0.10.3 (get_potential_energy, get_forces, get_stress) of alloy("CuAu2Cu") from the
# files that write_gap makes.
QUIP = {
    "any elements": (
        107.46942910660545,
        [
            [22.950496858903474, 13.67458318135274, -9.95083676518128],
            [4.144234000754915, 19.981774283876995, -32.60368703497303],
            [-2.826077594315573, -38.43356462995378, 2.5430487529941117],
            [-24.268653265342827, 4.777207164724106, 40.011475047160225],
        ],
        [
            -4.6725782812377705,
            -5.21402859116028,
            -4.533037267152292,
            -1.0554211501956745,
            0.5452196829440004,
            -0.004542018364111077,
        ],
    ),
    "some elements": (
        5.6647726400905904,
        [
            [1.0517837315898542, 0.9921649613691439, 1.107438458338702],
            [0.4795879157094474, 3.4031351942022723, -1.9496389829927316],
            [-0.5918572188353495, -5.1442975535162665, -1.2590997919441138],
            [-0.9395144284639505, 0.7489973979448489, 2.101300316598147],
        ],
        [
            0.31760473873692574,
            0.420143745227673,
            0.3837329812778578,
            -0.06992351599185166,
            0.05685120535064776,
            -0.0072445365944418475,
        ],
    ),
}


@pytest.mark.parametrize("name", TERMS)
def test_kernels_agree_with_quip(name, tmp_path):
    potential = read_gap(write_gap(tmp_path, TERMS[name]), ["Cu", "Au"])
    energy, forces, stress = QUIP[name]
    atoms = alloy("CuAu2Cu")
    atoms.calc = potential.calculator()
    assert abs(atoms.get_potential_energy() - energy) < 1e-9 * len(atoms)
    assert_allclose(atoms.get_forces(), forces, atol=1e-8)
    assert_allclose(atoms.get_stress(), stress, atol=1e-9)
    potential.save(tmp_path / "potential.json")
    again = alloy("CuAu2Cu")
    again.calc = Potential.load(tmp_path / "potential.json").calculator()
    assert_array_equal(again.get_forces(), atoms.get_forces())


def test_every_sparse_point_of_triplets_has_a_coefficient(tmp_path):
    potential = read_gap(write_gap(tmp_path, TERMS["any elements"]), ["Cu", "Au"])
    part = potential.plan["parts"][-1]
    assert part["kind"] == "three_body"
    assert part["n_features"] == 9
    assert len(potential.coefficients) == len(potential.features) == 2 + 9
    assert len(part["kernels"][0]["triplets"]) == 6  # two centres, three pairs of neighbours


def test_elements_of_a_descriptor_are_those_that_gap_fit_adds_last(tmp_path):
    """It repeats a descriptor for every element by adding keys behind those that were given."""
    given = "angle_3b cutoff=3.4 Z_center=79 Z1=29 Z2=0"
    added = read_gap(write_gap(tmp_path, [(f"{given} Z=29 Z1=79 Z2=79", (1.0, 1.0, 1.0), 3)]), ["Cu", "Au"])
    assert added.plan["parts"][-1]["kernels"][0]["triplets"].tolist() == [[0, 1, 1]]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('signal_mean="0.0"', 'signal_mean="0.5"', "angle_3b with f0=0.5 is not supported"),
        ('n_permutations="1"', 'n_permutations="2"', "angle_3b with 2 permutations is not supported"),
        ('covariance_type="1"', 'covariance_type="4"', "angle_3b with covariance_type 4 is not supported"),
        ("angle_3b cutoff", "co_angle_3b cutoff", "the descriptor co_angle_3b"),
        ("<descriptor>angle_3b", "<descriptor>distance_2b", "have 3 components, expected 1"),
        ("theta_uniform=1.2", "Zcenter=29", "the key 'Zcenter' is not known"),
        ("<theta> 1.2", "<theta> -1.2", "expected positive numbers"),
        ("<theta> 1.2", "<theta> x", "expected numbers"),
        ("cutoff=3.4 ", "", "'cutoff' is missing"),
    ],
)
def test_what_is_not_supported_is_refused(tmp_path, old, new, message):
    path = write_gap(tmp_path, TERMS["any elements"])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        read_gap(path, ["Cu", "Au"])
    assert str(path) in str(error.value)
