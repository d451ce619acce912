"""EMT with another zero of energy, as a potential made with other data has."""

from ase.calculators.emt import EMT


class ShiftedEMT(EMT):
    """1.5 eV/atom above EMT."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=()):
        super().calculate(atoms, list(properties), list(system_changes))
        self.results["energy"] += 1.5 * len(self.atoms)
        self.results["free_energy"] = self.results["energy"]
