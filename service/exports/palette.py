"""The colours of the contenders, the same in reports and on the dashboard.

After Okabe and Ito (2008) and Tol (2021): told apart by colour-blind readers too.
"""

from collections.abc import Mapping

OPTIMIZER_COLOURS: Mapping[str, str] = {
    "kbfgs": "#0072B2",
    "kbfgs-l": "#56B4E9",
    "kfac": "#332288",
    "adam": "#D55E00",
    "adam-paper": "#E69F00",
    "adamw": "#CC3311",
    "nadamw": "#882255",
    "rmsprop": "#009E73",
    "rmsprop-paper": "#117733",
    "sgd": "#CC79A7",
    "sgd-paper": "#AA4499",
    "lbfgs": "#999933",
    "muon": "#CC6677",
    "soap": "#B8860B",
    "shampoo": "#7F7F7F",
}
FURTHER_COLOURS = (
    "#44AA99",
    "#EE3377",
    "#661100",
    "#6699CC",
    "#228833",
    "#4477AA",
    "#AA4466",
    "#66AA55",
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
