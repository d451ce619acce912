"""References: what labels a configuration with energy, forces and stress."""
