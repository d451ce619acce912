"""Rows of the design matrix, made in one pass over the data, and the triangular factors they fold into."""
