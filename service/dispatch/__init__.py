"""Turns queued studies into jobs on the cluster, and finds those that were lost."""
