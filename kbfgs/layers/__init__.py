"""Adapters: how a kind of module maps to the matrices of the method."""
