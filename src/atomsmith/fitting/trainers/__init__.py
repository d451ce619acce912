"""Terms that are not linear in their parameters: each kind has a trainer, called before the linear fit."""
