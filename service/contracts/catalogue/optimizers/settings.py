"""Settings that several optimizers have."""

from service.contracts.catalogue.setting import Setting

L2 = "Times the weights, added to the gradient (L2)."
DECOUPLED = "Times lr times the weights, subtracted from the weights (decoupled)."


def learning_rate(default: float, summary: str = "Learning rate.") -> Setting:
    """``lr``, greater than 0."""
    return Setting(name="lr", kind="float", default=default, summary=summary, above=0)


def share(name: str, default: float, *, summary: str) -> Setting:
    """A decay or another share from 0 to below 1."""
    return Setting(name=name, kind="float", default=default, summary=summary, at_least=0, below=1)


def momentum(default: float = 0.9, summary: str = "Decay of the momentum.") -> Setting:
    """``momentum``, from 0 to below 1."""
    return share("momentum", default, summary=summary)


def weight_decay(summary: str, default: float = 0.0) -> Setting:
    """``weight_decay``, at least 0; the summary says which of the two kinds it is."""
    return Setting(name="weight_decay", kind="float", default=default, summary=summary, at_least=0)


def epsilon(default: float = 1e-8) -> Setting:
    """``eps``, greater than 0."""
    return Setting(
        name="eps", kind="float", default=default, summary="Added to the denominator.", above=0
    )


def betas(first: float, second: float) -> Setting:
    """``betas``, two decays from 0 to below 1."""
    return Setting(
        name="betas",
        kind="floats",
        default=(first, second),
        summary="Decay of the first and the second moment.",
        at_least=0,
        below=1,
    )


def count(name: str, default: int, *, summary: str, at_most: int | None = None) -> Setting:
    """A whole number, at least 1."""
    return Setting(
        name=name, kind="int", default=default, summary=summary, at_least=1, at_most=at_most
    )


def switch(name: str, *, default: bool, summary: str, needs: str | None = None) -> Setting:
    """On or off; where it is on, the setting that it needs must be above 0."""
    return Setting(name=name, kind="bool", default=default, summary=summary, needs=needs)


def other_learning_rate(summary: str) -> Setting:
    """``other_lr``, of the parameters that an inner AdamW trains."""
    return Setting(name="other_lr", kind="float", default=1e-3, summary=summary, above=0)
