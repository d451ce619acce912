"""Active learning: the loop over fits, biased walkers and labels, and what a run came to."""
