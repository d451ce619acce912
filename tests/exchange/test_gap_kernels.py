"""Squared-exponential kernels of QUIP, distance_2b and angle_3b, against its numbers for made-up files."""

from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from atomsmith import Potential
from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap import read_gap
from exchange.gap_files import alloy, write_gap

PAIR = [(0,), (0,)]
ANY = "angle_3b cutoff=3.4 cutoff_transition_width=0.6 theta_uniform=1.2"
CLUSTERS = "distance_Nb order=3 cutoff=3.3 cutoff_transition_width=0.8"
TERMS = {
    "any elements": [(ANY, (1.2, 1.2, 1.2), 9)],
    "some elements": [
        ("distance_2b cutoff=4.2 Z1=29 Z2=0", (0.9,), 4),
        ("angle_3b cutoff=3.4 Z_center=79 Z1=29 Z2=79 theta_fac=0.3", (1.3, 0.6, 0.9), 5),
        ("angle_3b cutoff=3.2 cutoff_transition_width=1.0 Z=0 Z1=0 Z2=29", (0.8, 0.5, 1.1), 7),
    ],
    "clusters of any elements": [
        ("distance_Nb order=2 cutoff=4.0", (1.1,), 4, PAIR),
        (CLUSTERS, (1.2, 1.2, 1.2), 6, list(permutations(range(3)))),
    ],
    "clusters of some elements": [
        ("distance_Nb order=2 cutoff=4.0 compact_clusters=F Z={29 79}", (1.1,), 4),
        (f"{CLUSTERS} compact_clusters=T Z={{29 79 79}}", (1.2, 1.2, 1.2), 6, [(0, 1, 2), (1, 0, 2)]),
        (f"{CLUSTERS} Z={{29 29 29}}", (1.0, 1.0, 1.0), 3, list(permutations(range(3)))),
    ],
}
MEANS = {f"{name}, with a constant": name for name in ("some elements", "clusters of any elements")}
"""Files with f0 = 0.3."""
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
    "clusters of any elements": (
        13.885711470746683,
        [
            [1.1401612126685643, 0.5951226941131548, -0.3913647227366223],
            [0.8994198893413689, 1.0447838147219812, -1.4906321642383797],
            [-0.7488103674264966, -1.2448332380294793, 0.39243661962601306],
            [-1.290770734583437, -0.39507327080565596, 1.4895602673489892],
        ],
        [
            -0.48294321253295847,
            -0.226673877173851,
            -0.20565889406350993,
            -0.0032714422880953204,
            -0.014980465308102068,
            0.01031955008432756,
        ],
    ),
    "clusters of some elements": (
        2.665762863969158,
        [
            [0.00890112370519386, -0.04479969847323456, -0.034593262952449376],
            [-0.014786578561163166, -0.03656016948077147, -0.01821377894032832],
            [-0.015665742991797165, 0.046041974000826685, -0.021407963989586824],
            [0.021551197847766542, 0.03531789395317936, 0.07421500588236453],
        ],
        [
            0.028862485966087335,
            0.029676973970552075,
            0.0810458777677935,
            -0.0002658650228399566,
            0.001684270178465861,
            -0.0003262851177439322,
        ],
    ),
    "some elements, with a constant": (
        1.0483354301456855,
        [
            [1.3356429080041041, 0.45784673206988447, 1.4029445010742],
            [-0.007564167874501454, 1.8700862096332793, -1.084422482238132],
            [-0.6573181529308141, -3.255709192321578, -1.6794074472575238],
            [-0.670760587198787, 0.9277762506184142, 1.3608854284214513],
        ],
        [
            0.7332168393494295,
            0.9063318695790681,
            0.733763734696702,
            -0.062280560716032246,
            0.06474471349063331,
            -0.01742985589132357,
        ],
    ),
    "clusters of any elements, with a constant": (
        37.23657470223966,
        [
            [5.0797314450724125, 4.448715365635984, -4.5606969228314265],
            [4.9490096030074575, 5.066196123041072, -7.227138089313049],
            [-3.22644116102674, -5.6666059500281385, 4.4845771455268935],
            [-6.802299887053129, -3.84830553864892, 7.303257866617581],
        ],
        [
            -2.118315513868994,
            -2.0385773472213957,
            -1.8692998914619556,
            -0.04547734912660324,
            -0.1296435951477407,
            0.1398193549142924,
        ],
    ),
}


def write(folder, name):
    """The file of a name, with or without a constant."""
    terms = TERMS[MEANS.get(name, name)]
    return write_gap(folder, terms, mean=0.3 if name in MEANS else 0.0)


@pytest.mark.parametrize("name", [*TERMS, *MEANS])
def test_kernels_agree_with_quip(name, tmp_path):
    potential = read_gap(write(tmp_path, name), ["Cu", "Au"])
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
        ('n_permutations="1"', 'n_permutations="2"', "angle_3b with 2 permutations is not supported"),
        ('covariance_type="1"', 'covariance_type="4"', "angle_3b with covariance_type 4 is not supported"),
        ("angle_3b cutoff", "co_angle_3b cutoff", "the descriptor co_angle_3b"),
        ("angle_3b cutoff", "distance_Nb order=4 cutoff", "of order 4 is not supported"),
        ("angle_3b cutoff", "distance_Nb order=3 cutoff", "1 permutations, but its elements have 6"),
        ("angle_3b cutoff", "distance_Nb order=3 Z={29 29} cutoff", "needs 3 atomic numbers"),
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


def clusters(folder, numbers, orders, **settings):
    """A file of distance_Nb of order 3."""
    return write_gap(folder, [(f"{CLUSTERS} Z={{{numbers}}}", (1.0, 1.0, 1.0), 3, orders)], **settings)


def test_clusters_whose_energy_depends_on_the_order_of_atoms_are_refused(tmp_path):
    """QUIP exchanges the first two of the rising numbers 29 29 79, also about gold with two copper atoms."""
    path = clusters(tmp_path, "29 29 79", [(0, 1, 2), (0, 2, 1)])
    with pytest.raises(InputError, match="Z=29 29 79 is not supported: its energy depends on the order"):
        read_gap(path, ["Cu", "Au"])


def test_clusters_of_different_lengths_are_refused(tmp_path):
    orders = list(permutations(range(3)))
    path = write_gap(tmp_path, [(f"{CLUSTERS} theta_fac=0.5", (1.0, 1.0, 1.1), 3, orders)])
    with pytest.raises(InputError, match="is not supported: its energy depends on the order"):
        read_gap(path, ["Cu"])


def test_loose_clusters_are_refused_also_where_they_were_the_default(tmp_path):
    path = clusters(tmp_path, "29 29 29", list(permutations(range(3))), version=1500000000)
    with pytest.raises(InputError, match="compact_clusters=F is not supported"):
        read_gap(path, ["Cu"])


def test_clusters_do_not_depend_on_the_order_of_elements(tmp_path):
    path = write_gap(tmp_path, TERMS["clusters of some elements"])
    energies = []
    for elements in (["Cu", "Au"], ["Au", "Cu"]):
        atoms = alloy("CuAu2Cu")
        atoms.calc = read_gap(path, elements).calculator()
        energies.append(atoms.get_potential_energy())
    assert abs(energies[0] - energies[1]) < 1e-12


def test_sparse_points_within_the_file(tmp_path):
    """Old programs wrote them into their elements, and zeta as theta."""
    terms = [*TERMS["any elements"], ("soap n_max=2 l_max=1 cutoff=4.0 atom_sigma=0.5 n_species=1", 7, 4)]
    path = write_gap(tmp_path, terms)
    energies = []
    for inside in (False, True):
        if inside:
            text = path.read_text().replace('covariance_type="2" zeta="2.0"', 'covariance_type="2"')
            for k, (_, _, count) in enumerate(terms):
                rows = np.loadtxt(tmp_path / f"gap.points.{k}").reshape(count, -1).astype(str)
                name = f' sparseX_filename="gap.points.{k}"'
                before, after = text.split(name)
                for row in rows:
                    head, tail = after.split("/>", 1)
                    before += f"{head}> {' '.join(row)} </sparseX>"
                    after = tail
                text = before + after
            path.write_text(text.replace("<descriptor>soap", "<theta> 2.0 </theta><descriptor>soap"))
        atoms = alloy("CuAu2Cu")
        atoms.calc = read_gap(path, ["Cu", "Au"]).calculator()
        energies.append(atoms.get_potential_energy())
    assert energies[0] == energies[1]


def test_a_reference_energy_of_all_elements(tmp_path):
    """Old files have one, as an attribute; later ones name elements."""
    path = write_gap(tmp_path, TERMS["any elements"])
    text = path.read_text().replace('<e0 Z="29" value="-0.1"/>', "")
    path.write_text(text.replace('do_core="F"', 'do_core="F" e0="-7.5"'))
    assert read_gap(path, ["Cu", "Au"]).coefficients[:2].tolist() == [-7.5, -0.2]


def test_principal_components_are_refused(tmp_path):
    path = write_gap(tmp_path, TERMS["any elements"])
    path.write_text(path.read_text().replace('do_core="F"', 'do_core="F" do_pca="T"'))
    with pytest.raises(InputError, match="principal components"):
        read_gap(path, ["Cu", "Au"])
