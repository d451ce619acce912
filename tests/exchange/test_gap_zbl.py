"""ZBL baselines and factors of Gaussian approximation potentials: QUIP's numbers, and what is refused."""

import pytest
from numpy.testing import assert_allclose

from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap import read_gap
from exchange.gap_files import alloy, write_gap

KERNEL = [("distance_2b cutoff=4.0 Z1=29 Z2=79", (1.0,), 3)]
POTENTIALS = {
    "switched": "Sum init_args_pot1={IP ZBL cutoff=3.6 cutoff_width=1.1} init_args_pot2={IP GAP label=made}",
    "shifted": "Sum init_args_pot1={IP GAP label=made E_scale=1.7} "
    "init_args_pot2={IP ZBL cutoff=3.1 shift_cutoff=T E_scale=0.5 p_exp_4=-0.3}",
    "scaled": "IP GAP label=made E_scale=0.3",
}
# Printed by quippy-ase 0.10.3 (get_potential_energy, get_forces, get_stress) of alloy("CuAu2Cu") in a cell of
# so many times the edges, each in a process of its own (its switch is kept for the next potential).
QUIP = {
    ("switched", 1.0): (
        9.424064052977874,
        [
            [-1.1202734955152789, 0.09906400437099058, -0.544345414992396],
            [-3.072633852141105, -2.0313308754937682, 3.277930050372321],
            [1.53649061333572, 3.650236442999836, 1.7875331293310872],
            [2.6564167343206635, -1.717969571877058, -4.521117764711013],
        ],
        [
            -1.0425215290356675,
            -1.0258932967548926,
            -0.9998637734068774,
            0.0505697327967039,
            -0.003185506164382473,
            -0.010280448521953317,
        ],
    ),
    ("switched", 0.45): (
        2614.94879170894,
        [
            [-129.54894391363007, 13.344678325341764, 8.189423083894079],
            [-324.81575262109186, -341.2697233457246, 249.9340864092795],
            [222.04880946730776, 422.3550546828395, 127.39702915556899],
            [232.31588706741425, -94.43000966245623, -385.5205386487427],
        ],
        [
            -795.1710715415394,
            -787.343541219845,
            -738.6986638694584,
            9.115790389401148,
            9.063966070049926,
            -17.80598470714014,
        ],
    ),
    ("shifted", 1.0): (
        -16.368011599044603,
        [
            [-0.3432366595250122, -0.16378021590643121, 0.12066549436639626],
            [-0.764694106912713, 0.0360977663709775, 1.3836326554094058],
            [0.30712720273306093, 0.6660972329870329, 0.21501755612273288],
            [0.8008035637046642, -0.5384147834515793, -1.719315705898535],
        ],
        [
            -0.07992243875127308,
            -0.05827667725355243,
            -0.08085316640908534,
            0.02975810062143093,
            -0.0014273572932750063,
            -0.0038986654574219497,
        ],
    ),
    ("scaled", 1.0): (
        -3.0040995064097618,
        [
            [-0.026462010359846605, -0.014952998162424489, 0.019029242757999543],
            [-0.0696682572878773, 0.03506047334209251, 0.17245225311875031],
            [0.02579009475860718, 0.06936149411809933, 0.030052901194993795],
            [0.07034017288911673, -0.08946896929776736, -0.2215343970717437],
        ],
        [
            -0.004581860539855131,
            -0.0017000200234676436,
            -0.005418991676255787,
            0.004654112077766407,
            -0.0007997686791800675,
            1.0629249992391413e-05,
        ],
    ),
}


@pytest.mark.parametrize(("name", "share"), QUIP)
def test_a_baseline_and_a_factor_agree_with_quip(name, share, tmp_path):
    potential = read_gap(write_gap(tmp_path, KERNEL, potential=POTENTIALS[name]))
    assert potential.elements == (29, 79)
    energy, forces, stress = QUIP[name, share]
    atoms = alloy("CuAu2Cu")
    atoms.set_cell(share * atoms.cell.array, scale_atoms=True)
    atoms.calc = potential.calculator()
    # Of some 10^3 eV, the last digits are lost in the sums over pairs.
    assert_allclose(atoms.get_potential_energy(), energy, rtol=1e-12, atol=1e-9)
    assert_allclose(atoms.get_forces(), forces, rtol=1e-12, atol=1e-8)
    assert_allclose(atoms.get_stress(), stress, rtol=1e-12, atol=1e-9)


def test_very_near_atoms_have_a_finite_energy(tmp_path):
    atoms = alloy("Cu4")[:2]
    atoms.calc = read_gap(write_gap(tmp_path, KERNEL, potential=POTENTIALS["switched"])).calculator()
    atoms.set_distance(0, 1, 0.05)
    near = atoms.get_potential_energy()
    atoms.set_distance(0, 1, 0.2)
    assert near > atoms.get_potential_energy() > 1e4


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{IP ZBL", "{IP Morse", "in a Sum with 'IP Glue' or 'IP ZBL', is supported"),
        ("cutoff=3.6", "", "a cutoff beyond 0.2 angstrom"),
        ("cutoff_width=1.1", "cutoff_width=3.6", "a cutoff_width within it"),
        ("cutoff_width=1.1", "cutoff_width=x", "some value is not a number"),
        ("cutoff_width=1.1", "cutof_width=1", "'cutof_width'. are not known"),
        ("cutoff_width=1.1", "cutoff_scale_cov_rad=T", "covalent radii are not supported"),
        ("label=made}", "label=made E_scale=x}", "whose E_scale is not a number"),
    ],
)
def test_what_is_not_supported_is_refused(tmp_path, old, new, message):
    path = write_gap(tmp_path, KERNEL, potential=POTENTIALS["switched"])
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        read_gap(path)
    assert str(path) in str(error.value)
