"""What is found on a factor alone: priors, solvers and the posterior of linear coefficients."""
