"""Trials that several processes train together, each on its part of every mini-batch."""

from workers.ranks.agreement import Agreement
from workers.ranks.base import ALONE, Alone, Ranks, summed
from workers.ranks.group import Group

__all__ = ["ALONE", "Agreement", "Alone", "Group", "Ranks", "summed"]
