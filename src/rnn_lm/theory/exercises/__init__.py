"""Each derivation measured: one file per exercise, whose ``run`` gives statements and the curves of a figure."""
