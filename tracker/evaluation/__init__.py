"""How good results are: masks and fills against a known truth, as the public tables measure it."""
