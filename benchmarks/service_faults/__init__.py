"""Harm done to the control plane under load: real web, dispatcher and database, no training."""
