"""The six theory exercises: each derivation of ``docs/theory/`` as code, checked against autograd in float64."""
