"""The demonstration: a small potential for poly(ethylene glycol), learned and judged within minutes."""
