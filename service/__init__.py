"""The control plane: what a comparison is, where it stands, and what its verdict says."""
