"""The colours of the contenders, the same in reports and on the dashboard.

After Okabe and Ito (2008) and Tol (2021): told apart by colour-blind readers too.
"""

from collections.abc import Mapping

OPTIMIZER_COLOURS: Mapping[str, str] = {
    "kbfgs": "#0072B2",
    "adam": "#D55E00",
    "rmsprop": "#009E73",
    "sgd": "#CC79A7",
}
FURTHER_COLOURS = (
    "#56B4E9",
    "#E69F00",
    "#332288",
    "#999933",
    "#882255",
    "#117733",
    "#AA4499",
    "#7F7F7F",
)


def contender_colours(optimizers: Mapping[str, str]) -> dict[str, str]:
    """A colour for each contender: its optimizer's, where no earlier contender has that.

    Args:
        optimizers: The optimizer of each contender, by the contender's name, in order.
    """
    colours: dict[str, str] = {}
    further = 0
    for name, optimizer in optimizers.items():
        colour = OPTIMIZER_COLOURS.get(optimizer)
        if colour is None or colour in colours.values():
            colour = FURTHER_COLOURS[further % len(FURTHER_COLOURS)]
            further += 1
        colours[name] = colour
    return colours
