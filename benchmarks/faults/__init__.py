"""Harm done to a running service at random moments, and what becomes of its comparisons."""
