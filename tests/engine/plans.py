"""Random plans and adversarial systems for tests of the engine and of what stands on it."""

from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import numpy as np

from atomsmith.descriptors import (
    AceSettings,
    BispectrumSettings,
    PairSettings,
    SoapSettings,
    SymmetryFunctionsSettings,
    build_ace,
    build_bispectrum,
    build_pair,
    build_soap,
    build_symmetry_functions,
)
from atomsmith.descriptors.base import features_of_centres
from atomsmith.descriptors.bispectrum import InnerSwitch
from atomsmith.descriptors.quintic import quintic_table
from atomsmith.descriptors.radial import RadialSettings
from atomsmith.descriptors.soap import Rows
from atomsmith.descriptors.soap import soap_part as plain_soap_part
from atomsmith.descriptors.symmetry_functions import SymmetryFunction, symmetry_functions_part
from atomsmith.exchange.quip.turbo_radial import TurboDensity
from atomsmith.regressors import with_products
from atomsmith.regressors.triplet_kernel import TripletKernel, triplet_kernel_part
from atomsmith.systems import FloatArray, Systems

ELEMENTS = (8, 1, 14)


def zbl_part(elements, inner=0.6, outer=1.7):
    """Repulsion with its own switch for every pair of elements."""
    n = len(elements)
    spread = 0.05 * np.add.outer(np.arange(n), np.arange(n)).ravel()
    return {
        "kind": "zbl",
        "n_features": 0,
        "charges": np.array(elements, dtype=np.float64),
        "inner": inner + spread,
        "outer": outer + spread,
    }


def reference_part(elements):
    return {"kind": "e0", "n_features": len(elements)}


def pair_part(elements, degree=5, cutoff=4.1, **radial):
    return build_pair(
        PairSettings(degree=degree, cutoff=cutoff, radial=RadialSettings(**radial)), elements
    ).part


def ace_part(elements, degrees, cutoff=3.4, **radial):
    """ACE with one degree for each correlation order from 1."""
    settings = AceSettings(
        cutoff=cutoff,
        correlation_order=len(degrees),
        degree=[float(d) for d in degrees],
        first_order=True,
        radial=RadialSettings(**radial),
    )
    return build_ace(settings, elements).part


def full_plan(elements=ELEMENTS[:2], degrees=(3, 4, 4, 3)):
    """Reference energies, pair, ACE of every order, repulsion."""
    return {
        "elements": list(elements),
        "parts": [
            reference_part(elements),
            pair_part(elements),
            ace_part(elements, degrees),
            zbl_part(elements),
        ],
    }


def plans() -> dict[str, dict[str, Any]]:
    """Plans that between them use everything the format allows, small enough for the oracle."""
    three = list(ELEMENTS)
    own = {"cutoffs": {"O-H": 2.6, "Si-Si": 3.9}, "inner": {"O-O": (0.5, 0.9)}}
    offset = ace_part([8, 1], (2, 3, 2))
    # Degrees of l that begin at different radial functions of a longer table.
    longer = ace_part([8, 1], (5, 5))["radial"]
    offset["radial"] = longer
    offset["radial_first"] = (longer["n"] - offset["radial_count"]).astype(np.int32)
    return {
        "order 1": {"elements": [14], "parts": [ace_part([14], (6,))]},
        "order 2": {"elements": [8, 1], "parts": [reference_part([8, 1]), ace_part([8, 1], (3, 5))]},
        "order 3": {"elements": three, "parts": [ace_part(three, (2, 2, 3), **own)]},
        "order 4": full_plan(),
        "pair": {
            "elements": three,
            "parts": [pair_part(three, outer_power=2, transform_p=1, transform_q=1, **own)],
        },
        "repulsion": {"elements": three, "parts": [zbl_part(three)]},
        "no envelope inside": {
            "elements": [14],
            "parts": [
                pair_part([14], inner_fractions=(0.0, 0.0)),
                ace_part([14], (3, 8), inner_fractions=(0.0, 0.0), outer_power=2),
            ],
        },
        "two expansions": {
            "elements": [8, 1],
            "parts": [ace_part([8, 1], (2, 4), cutoff=2.5), zbl_part([8, 1]), offset, reference_part([8, 1])],
        },
        "some elements": {"elements": three, "parts": [_partial(three), pair_part(three, degree=2)]},
        "bispectrum": {
            "elements": [8, 1],
            "parts": [
                reference_part([8, 1]),
                bispectrum_part([8, 1], cutoff=3.3, twojmax=5, weights={"H": 0.7}, radii={"O": 0.55}),
                pair_part([8, 1], degree=2),
            ],
        },
        "bispectrum of elements": {
            "elements": [8, 1],
            "parts": [
                bispectrum_part(
                    [8, 1],
                    cutoff=3.1,
                    twojmax=3,
                    explicit_elements=True,
                    normalised=True,
                    inner_switch={z: InnerSwitch(centre=1.4, half_width=0.3) for z in ("O", "H")},
                )
            ],
        },
        "quadratic bispectrum": {
            "elements": three,
            "parts": [
                bispectrum_part(three, products=True, cutoff=3.2, twojmax=2, rmin0=0.3, shifted=False),
                ace_part(three, (2, 2)),
            ],
        },
        "moments": {
            "elements": [8, 1],
            "parts": [reference_part([8, 1]), moments_part(2, seed=4), pair_part([8, 1], degree=2)],
        },
        "moments of each element": {"elements": three, "parts": [moments_part(3, seed=5, shared=False)]},
        "moments of other functions": {
            "elements": [8, 1],
            "parts": [moments_part(2, seed=8, inverse_square=True, clamped=True)],
        },
        **regressed_plans(),
        "symmetry functions": {
            "elements": [8, 1],
            "parts": [
                reference_part([8, 1]),
                symmetry_part([8, 1], cutoff=3.4, radial_size=2, zetas=(1.0, 4.0)),
                pair_part([8, 1], degree=2),
            ],
        },
        "listed symmetry functions": {
            "elements": [8, 14],
            "parts": [
                symmetry_part(
                    [8, 14],
                    cutoff=3.1,
                    cutoff_function="polynomial_2",
                    cutoff_inner=0.3,
                    radial=[{"eta": 0.0}, {"eta": 0.3, "cutoff": 2.2}, {"eta": 1.1, "shift": 1.4}],
                    angular=[
                        {"eta": 0.2, "sign": 1.0, "zeta": 2.0},
                        {"eta": 0.2, "sign": -0.8, "zeta": 2.0},
                        {"eta": 0.4, "sign": -0.8, "zeta": 5.0, "shift": 0.7},
                        {"eta": 0.0, "sign": 1.0, "zeta": 1.0, "narrow": False},
                        {"eta": 0.1, "sign": -1.0, "zeta": 1.7, "narrow": False, "cutoff": 2.5},
                        {"eta": 0.1, "sign": 1.0, "zeta": 3.0, "narrow": False, "shift": 1.1},
                    ],
                )
            ],
        },
        "compact symmetry functions": {"elements": [8, 1], "parts": [compact_part([8, 1])]},
        "weighted symmetry functions": {
            "elements": [8, 1],
            "parts": [
                symmetry_part([8, 1], cutoff=3.2, cutoff_function="tanh", weighted=True, zetas=(1.0, 3.0)),
                symmetry_part([8, 1], cutoff=2.9, cutoff_function="cosine", cutoff_inner=0.4, angular=()),
            ],
        },
        "soap": {
            "elements": [8, 1],
            "parts": [
                reference_part([8, 1]),
                soap_part([8, 1], n_max=3, l_max=3),
                pair_part([8, 1], degree=2),
            ],
        },
        "soap without a norm": {
            "elements": [14],
            "parts": [soap_part([14], n_max=5, l_max=2, basis="gto", normalised=False, central_weight=0.0)],
        },
        "soap of mixtures": {
            "elements": three,
            "parts": [
                soap_part(three, n_max=2, l_max=2, covariance_sigma0=0.1, mixtures={"count": 3, "seed": 1}),
                soap_part(three, n_max=2, l_max=1, mixtures={"count": 2, "products": "all"}),
            ],
        },
        "soap of functions with jumps": {"elements": three, "parts": [turbo_part(3), pair_part(three)]},
        "soap with a kernel of any power": {
            "elements": [8, 1],
            "parts": [kernel(soap_part([8, 1], n_max=2, l_max=2), 2, zeta=2.6, signed=False)],
        },
        "triplets": {
            "elements": [8, 1],
            "parts": [
                reference_part([8, 1]),
                triplet_part([8, 1], [(0, 0, 0), (0, 1, 1), (1, 0, 1)], [(0, 0, 0), (0, 0, 1)]),
                pair_part([8, 1], degree=2),
            ],
        },
        "triplets of distances": {
            "elements": [8, 1],
            "parts": [
                triplet_part([8, 1], [(0, 0, 0), (1, 1, 1)], permutations=list(permutations(range(3)))),
                triplet_part([8, 1], [(0, 1, 0), (1, 0, 1)], permutations=[(0, 1, 2)], seed=3),
                triplet_part([8, 1], [(1, 0, 0)], permutations=[(0, 1, 2), (1, 0, 2)], seed=4),
            ],
        },
        "triplets without a switch": {
            "elements": [14],
            "parts": [triplet_part([14], [(0, 0, 0)], width=0.0)],
        },
        "splines": {
            "elements": [8, 1],
            "parts": [
                reference_part([8, 1]),
                spline_part(2, seed=9),
                spline_part(2, seed=10, equidistant=True),
            ],
        },
        "many radial functions": {"elements": [14], "parts": [ace_part([14], (19, 10), cutoff=3.8)]},
    }


def regressed_plans() -> dict[str, dict[str, Any]]:
    """Every descriptor with every regressor."""
    two = [8, 1]
    descriptors = {
        "ace": (two, ace_part(two, (2, 2, 2), cutoff=3.2)),
        "bispectrum": (two, bispectrum_part(two, cutoff=3.2, twojmax=3)),
        "moments": (two, moments_part(2, seed=6)),
        "moments of each element": (two, moments_part(2, seed=7, shared=False)),
        "symmetry functions": (two, symmetry_part(two, cutoff=3.3, radial_size=1, zetas=(1.0, 3.0))),
        "soap": (two, soap_part(two, n_max=2, l_max=2)),
    }
    found = {}
    for name, (elements, part) in descriptors.items():
        for regressor, add in REGRESSORS.items():
            parts = [reference_part(elements), add(part, len(elements)), pair_part(elements, degree=2)]
            found[f"{name} with {regressor}"] = {"elements": elements, "parts": parts}
    return found


def quadratic(part, n_elements):
    counts = {tuple(own): len(own) for own in features_of_centres(part, n_elements)}
    n = sum(count + count * (count + 1) // 2 for count in counts.values())
    return part | {"regressor": {"kind": "quadratic"}, "n_features": n}


def kernel(part, n_elements, zeta=3, seed=1, signed=True):
    """A kernel of different points for every species, more than a tile of them for the first."""
    rng = np.random.default_rng(seed)
    centres = [
        {"points": 0.3 * rng.normal(size=(71 if z == 0 else 5 + z, len(own)))}
        for z, own in enumerate(features_of_centres(part, n_elements))
    ]
    if not signed:
        centres = [{"points": np.abs(one["points"])} for one in centres]
    regressor = {"kind": "kernel", "kernel": "polynomial", "zeta": zeta, "centres": centres}
    return part | {"regressor": regressor, "n_features": sum(len(c["points"]) for c in centres)}


def network(part, n_elements, seed=2, networks=3, activations=("tanh", "silu", "identity")):
    """Small networks of different widths for every species."""
    rng = np.random.default_rng(seed)
    centres = []
    for z, own in enumerate(features_of_centres(part, n_elements)):
        widths = [len(own), 9 + z, 5, 1]
        centres.append(
            {
                "shift": 0.1 * rng.normal(size=len(own)),
                "scale": rng.uniform(0.2, 0.6, size=len(own)),
                "layers": [
                    {
                        "activation": activation,
                        "gamma": 0.3,
                        "weights": rng.normal(size=(networks, b, a)) / np.sqrt(a),
                        "bias": 0.3 * rng.normal(size=(networks, b)),
                    }
                    for a, b, activation in zip(widths, widths[1:], activations, strict=False)
                ],
            }
        )
    regressor = {"kind": "network", "networks": networks, "centres": centres}
    return part | {"regressor": regressor, "n_features": networks}


def embedding(part, n_elements, seed=4, members=2, function="shifted_scaled", exponents=(1.0, 0.5, 2.0, 0.7)):
    """Functions of densities of both signs, on species of different prefactors."""
    rng = np.random.default_rng(seed)
    centres = [
        {
            "function": function,
            "prefactor": rng.uniform(0.5, 1.5, size=len(exponents)),
            "exponent": np.array(exponents),
            "coefficients": rng.normal(size=(members, len(exponents), len(own))) / np.sqrt(max(1, len(own))),
        }
        for own in features_of_centres(part, n_elements)
    ]
    regressor = {"kind": "embedding", "core": "none", "members": members, "centres": centres}
    return part | {"regressor": regressor, "n_features": members}


def rooted(part, n_elements):
    """An embedding by the other functions, of one member."""
    return embedding(part, n_elements, members=1, function="finnis_sinclair", exponents=(0.5, 1.3))


def normalised_kernel(part, n_elements, zeta=2, seed=3):
    """A kernel of standardised, normalised features."""
    rng = np.random.default_rng(seed)
    centres = []
    for z, own in enumerate(features_of_centres(part, n_elements)):
        points = rng.normal(size=(9 + 5 * z, len(own) + 1))
        centres.append(
            {
                "shift": 0.1 * rng.normal(size=len(own)),
                "scale": rng.uniform(0.2, 0.6, size=len(own)),
                "points": points / np.linalg.norm(points, axis=1, keepdims=True),
            }
        )
    regressor = {"kind": "kernel", "kernel": "polynomial", "zeta": zeta, "centres": centres}
    return part | {"regressor": regressor, "n_features": sum(len(c["points"]) for c in centres)}


REGRESSORS = {
    "quadratic": quadratic,
    "kernel": kernel,
    "normalised kernel": normalised_kernel,
    "network": network,
    "embedding": embedding,
    "Finnis-Sinclair embedding": rooted,
}


def bispectrum_part(elements, *, products=False, **settings):
    part = build_bispectrum(BispectrumSettings(**settings), elements)
    return (with_products(part, len(elements)) if products else part).part


def symmetry_part(elements, **settings):
    return build_symmetry_functions(
        SymmetryFunctionsSettings(kind="symmetry_functions", **settings), elements
    ).part


def soap_part(elements, **settings):
    """A power spectrum of wide atoms, whose radial tables are short."""
    sizes = {"cutoff": 3.3, "sigma_atom": 0.7, "central_weight": 0.8} | settings
    return build_soap(SoapSettings(kind="soap", **sizes), elements).part


def turbo_part(n_elements, l_max=3):
    """A power spectrum of soap_turbo, whose tables have none, one and two jumps; one is shorter."""
    widths = {"radial": 0.5, "radial_scaling": 0.0, "angular": 0.6, "angular_scaling": 0.05}
    common = {"hard": 3.3, "soft": 2.8, "steepness": 4.0, "amplitude": 1.0, "enhancement": 1} | widths
    densities = [
        TurboDensity(2, False, **(common | {"radial": 0.8})),
        TurboDensity(2, False, **common),
        TurboDensity(3, True, **(common | {"radial": 0.35})),
    ]
    # What is added to derivatives is left out: forces shall be those of the energy.
    tables = [replace(density.tabulated(l_max), extra=None).padded(density.n, 3) for density in densities]
    assert [len(table.beyond) for table in tables] == [0, 1, 2]
    own = np.zeros((n_elements, n_elements, 3))
    for z, density in enumerate(densities):
        own[z, z, : density.n] = density.own(0.7)
    rows = Rows.all_pairs(3 * n_elements)
    radial = quintic_table(tables, np.tile(np.arange(n_elements, dtype=np.int32), n_elements))
    return plain_soap_part(radial, l_max, own, rows, normalised=True, sigma0=0.0) | {"least_norm": 1.0e-5}


def spline_part(n_elements, seed, *, equidistant=False, n=3):
    """Pair functions from random cubic pieces that end with value and slope zero."""
    rng = np.random.default_rng(seed)
    pairs = n_elements**2
    cutoff, bins = rng.uniform(2.5, 3.4, size=pairs), rng.integers(2, 12, size=pairs).astype(np.int32)
    knots = [
        np.concatenate([[0.0], np.sort(rng.uniform(0.0, end, count - 1)), [end]])
        for end, count in zip(cutoff, bins, strict=True)
    ]
    nodes = rng.normal(size=(np.sum(bins + 1), 2, n))
    nodes[np.cumsum(bins + 1) - 1] = 0.0
    radial = {"kind": "spline", "n": n, "cutoff": cutoff, "bins": bins, "nodes": nodes}
    first = n * np.arange(pairs, dtype=np.int32)
    own = {} if equidistant else {"knots": np.concatenate(knots)}
    return {"kind": "pair", "n_features": n * pairs, "radial": radial | own, "first_feature": first}


def triplet_part(elements, *triplets, width=0.8, cutoff=3.3, seed=8, permutations=None):
    """Kernels with some points each for the triplets listed, the later ones shorter."""
    rng = np.random.default_rng(seed)
    shared = [0, 0, 0 if permutations and len(permutations) == 6 else 2] if permutations else [0, 1, 2]
    kernels = [
        TripletKernel(
            points=rng.uniform((2.0, 0.0, 1.0), (6.0, 2.0, 5.0), size=(5 + 4 * k, 3)),
            lengths=rng.uniform(0.5, 1.5, size=3)[shared],
            cutoff=cutoff - 0.4 * k,
            width=width,
            triplets=tuple(own),
            permutations=permutations,
        )
        for k, own in enumerate(triplets)
    ]
    return triplet_kernel_part(kernels, elements).part


def compact_part(elements):
    """Compact functions of every kind beside one that is not."""
    whole = {"eta": 0.0, "shift": 0.0}
    angles = {"angle_low": 0.6, "angle_high": 2.5}
    own = [
        SymmetryFunction(1, False, 0, -1, 3.0, **whole, core=2, low=-3.0),
        SymmetryFunction(1, False, -1, -1, 3.2, **whole, core=13, low=0.5),
        SymmetryFunction(2, True, 0, 1, 3.1, **whole, core=9, low=0.4, **angles),
        SymmetryFunction(2, False, 0, 1, 3.1, **whole, core=5, low=0.0, **angles),
        SymmetryFunction(
            2, False, -1, -1, 3.2, **whole, core=3, low=0.7, angle_low=1.0, angle_high=2 * np.pi - 1.0
        ),
        SymmetryFunction(2, True, 0, 1, 3.1, 0.3, 0.0, 1.0, 2.0),
    ]
    return symmetry_functions_part([own, own[:4]], elements, "cosine", 0.0).part


def moments_part(n_elements, seed, *, shared=True, **radial):
    """Invariants of moments of ranks 0 to 2, some of them made of others, some in no feature."""
    rng = np.random.default_rng(seed)
    basic = [(mu, a, b, c) for mu in range(3) for a, b, c in np.ndindex(3, 3, 3) if a + b + c <= 2 and mu < 2]
    basic.append((2, 0, 0, 0))
    basic = [basic[k] for k in rng.permutation(len(basic))]
    products, weight, invariants = [], [], [k for k, q in enumerate(basic) if sum(q[1:]) == 0]
    target = len(basic)
    for rank, first, second in [(1, 0, 0), (1, 0, 1), (2, 0, 1), (2, 1, 1)]:
        for k, q in enumerate(basic):
            if q[0] == first and sum(q[1:]) == rank:
                products.append((k, basic.index((second, *q[1:])), target))
                weight.append(1.0 if max(q[1:]) == rank else 2.0)
        invariants.append(target)
        target += 1
    for _ in range(12):
        for _ in range(rng.integers(1, 4)):
            products.append((*rng.choice(invariants, 2), target))
            weight.append(0.2 * rng.normal())
        invariants.append(target)
        target += 1
    scalars = rng.permutation(invariants)[:14]
    pairs = n_elements**2
    return {
        "kind": "moments",
        "n_features": len(scalars) * (1 if shared else n_elements),
        "radial": {
            "kind": "chebyshev",
            "n": 3,
            "size": 5,
            "inner": rng.uniform(0.8, 1.2, pairs),
            "cutoff": rng.uniform(2.8, 3.4, pairs),
            "coefficients": 0.1 * rng.normal(size=(pairs, 3, 5)),
            **radial,
        },
        "basic": np.array(basic, dtype=np.int32),
        "products": np.array(products, dtype=np.int32),
        "weight": np.array(weight),
        "scalars": scalars.astype(np.int32),
        "first_feature": np.arange(n_elements, dtype=np.int32) * (0 if shared else len(scalars)),
    }


def _partial(elements):
    settings = AceSettings(cutoff=3.3, correlation_order=3, degree=[3, 3, 3], elements=["O", "Si"])
    return build_ace(settings, elements).part


@dataclass(frozen=True)
class Shape:
    """A random system: how many atoms in which cell."""

    n_atoms: int
    size: tuple[float, float, float]
    pbc: tuple[bool, bool, bool]
    skew: float = 0.25
    outside: int = 0
    closest: float = 1.0


SHAPES = {
    "skewed": Shape(6, (4.5, 4.0, 5.0), (True, True, True)),
    "tiny": Shape(1, (1.9, 2.2, 2.0), (True, True, True)),
    "thin": Shape(2, (1.6, 9.0, 2.1), (True, True, True), skew=0.4),
    "slab": Shape(5, (3.5, 3.8, 6.0), (True, True, False)),
    "chain": Shape(4, (2.8, 5.0, 5.0), (True, False, False)),
    "middle axis": Shape(4, (5.0, 2.9, 5.0), (False, True, False)),
    "molecule": Shape(9, (5.0, 5.0, 5.0), (False, False, False)),
    "far outside": Shape(5, (4.2, 4.2, 4.2), (True, True, True), outside=2),
    "alone": Shape(1, (0.0, 0.0, 0.0), (False, False, False)),
}


def random_system(shape: Shape, elements, seed: int) -> Systems:
    """Atoms at random in a skewed cell, no two closer than ``shape.closest`` angstrom."""
    rng = np.random.default_rng(seed)
    while True:
        cell = np.diag(shape.size) @ (np.eye(3) + shape.skew * rng.uniform(-1.0, 1.0, (3, 3)))
        fractional = rng.uniform(size=(shape.n_atoms, 3))
        positions = fractional @ (cell if any(shape.size) else np.eye(3))
        if _closest(positions, cell, shape.pbc) >= shape.closest:
            break
    jumps = rng.integers(-shape.outside, shape.outside + 1, (shape.n_atoms, 3)) * np.array(shape.pbc)
    return Systems(
        numbers=rng.choice(elements, size=shape.n_atoms).astype(np.int32),
        positions=positions + jumps @ cell,
        cells=cell[None] if any(shape.pbc) else np.zeros((1, 3, 3)),
        pbc=np.array([shape.pbc]),
        first=np.array([0, shape.n_atoms]),
    )


def _closest(positions, cell, pbc):
    images = np.array(np.meshgrid(*[[-1, 0, 1] if p else [0] for p in pbc])).reshape(3, -1).T @ cell
    vectors = positions[None, :, None] + images[None, None] - positions[:, None, None]
    distances = np.linalg.norm(vectors, axis=-1)
    return distances[distances > 1e-9].min(initial=np.inf)


def joined(*systems: Systems) -> Systems:
    """Several batches as one."""
    counts = np.concatenate([s.counts for s in systems])
    return Systems(
        numbers=np.concatenate([s.numbers for s in systems]),
        positions=np.concatenate([s.positions for s in systems]),
        cells=np.concatenate([s.cells for s in systems]),
        pbc=np.concatenate([s.pbc for s in systems]),
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )


def one_of_each(elements, seed=0) -> Systems:
    """One system of every shape, and one without atoms in the middle."""
    rng = np.random.default_rng(seed)
    systems = [random_system(shape, elements, rng.integers(2**31)) for shape in SHAPES.values()]
    nothing = Systems(
        numbers=np.zeros(0, np.int32),
        positions=np.zeros((0, 3)),
        cells=np.zeros((1, 3, 3)),
        pbc=np.zeros((1, 3), dtype=bool),
        first=np.zeros(2, np.int64),
    )
    return joined(*systems[:4], nothing, *systems[4:])


def random_coefficients(plan, seed=0, sets=None) -> FloatArray:
    """Standard normal coefficients, shape (n,) or (sets, n)."""
    n = sum(part["n_features"] for part in plan["parts"])
    return np.random.default_rng(seed).normal(size=n if sets is None else (sets, n))
