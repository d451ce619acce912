"""Networks on symmetry functions of n2p2, read and written."""
