"""Lion and a small regression, as a plug-in of kbfgs."""
