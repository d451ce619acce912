"""Active learning: the loop over fits, biased walkers and labels (`loop`), and what a run came to (`results`)."""
