"""Fits of our own of every published family on the sets of Zuo et al."""
