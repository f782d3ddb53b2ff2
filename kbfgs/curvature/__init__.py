"""Curvature: the Kronecker factors' inverses and the pairs that update them."""
