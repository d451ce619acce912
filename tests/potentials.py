"""Small potentials with posterior and committee that several test files share."""

import numpy as np

from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.potential import Potential

ELEMENTS = (8, 1)


def make_model(elements=ELEMENTS, degrees=(2.0, 3.0, 3.0), cutoff=3.2):
    """Reference energies, pair, ACE of order 3 and repulsion, as `fit` builds them."""
    terms = (
        TermSettings(descriptor=PairSettings(cutoff=cutoff, degree=4)),
        TermSettings(
            descriptor=AceSettings(
                cutoff=cutoff, correlation_order=len(degrees), degree=list(degrees), first_order=True
            )
        ),
    )
    return build_model(ModelSettings(terms=terms), elements)


def make_potential(seed=0, members=5, dropped=3, metadata=None, **options) -> Potential:
    """A potential with random coefficients, of which some are zero and certain, as after a sparse fit."""
    rng = np.random.default_rng(seed)
    model = make_model(**options)
    n = len(model.features)
    kept = np.sort(rng.permutation(n)[: n - dropped])
    mean = np.zeros(n)
    mean[kept] = rng.normal(size=len(kept))
    factor = 0.05 * np.triu(rng.normal(size=(len(kept), len(kept))))
    posterior = Posterior(mean, kept, factor, 1e4)
    return Potential(
        elements=model.elements,
        plan=model.plan,
        features=model.features,
        coefficients=mean,
        posterior=posterior,
        committee=posterior.draw(members, seed) if members else np.zeros((0, n)),
        metadata=metadata or {"settings": {"seed": seed}},
    )
