"""The switches that leave a part of the method out, against the transcription without it."""

import pytest
import torch

from kbfgs import KBFGS, Ablation, ConfigurationError
from tests.support.networks import (
    closure_for,
    data,
    difference,
    half_squared_error,
    network,
    put_state,
    weight_matrices,
)
from tests.support.paper_oracle import Paper

pytestmark = pytest.mark.training

SIZES = (7, 9, 5, 4)
switches = pytest.mark.parametrize(
    ("ablation", "transcribed"),
    [
        (Ablation(identity_output_factor=True), {"identity_output": True}),
        (Ablation(input_inverse_every=1), {"inverse_every": 1}),
        (Ablation(input_inverse_every=4), {"inverse_every": 4}),
        (Ablation(identity_damping=False), {"identity": False}),
        (Ablation(powell_damping=False), {"powell": False}),
        (
            Ablation(powell_damping=False, identity_damping=False),
            {"powell": False, "identity": False},
        ),
    ],
    ids=["H_g = I", "inverse", "inverse every 4", "Powell only", "identity only", "undamped"],
)


def start(ablation: Ablation | None, transcribed: dict, *, lr: float, warm: bool):
    model = network(*SIZES)
    paper = Paper(half_squared_error, lr=lr, **transcribed)
    state = paper.initial(weight_matrices(model))
    opt = KBFGS(model, lr=lr, damping=0.3, safeguard=None, ablation=ablation)
    stream = [data(40, SIZES[0], SIZES[-1], seed=1 + k) for k in range(5)]
    if warm:
        paper.warm_start(state, [x for x, _ in stream])
        with opt.warm_start():
            for x, _ in stream:
                model(x)
    return paper, state, opt, model, stream


@switches
@pytest.mark.parametrize("warm", [True, False])
def test_each_of_30_steps_from_equal_states_is_the_transcriptions(ablation, transcribed, warm):
    paper, state, opt, model, stream = start(ablation, transcribed, lr=0.1, warm=warm)
    worst = 0.0
    for step in range(30):
        put_state(opt, model, state)
        x, y = stream[step % 5]
        opt.step(closure_for(opt, model, x, y))
        paper.step(state, x, y)
        worst = max(worst, difference(opt, model, state))
    assert worst < 1e-12


@switches
def test_each_switch_changes_the_run(ablation, transcribed):
    ends = []
    for choice in (None, Ablation(), ablation):
        _, _, opt, model, stream = start(choice, {}, lr=0.1, warm=False)
        for x, y in stream:
            opt.step(closure_for(opt, model, x, y))
        ends.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(ends[0], ends[1])
    assert not torch.allclose(ends[0], ends[2])


def test_the_diagnostics_count_the_damping_that_is_left_alone():
    for ablation, counted in (
        (Ablation(identity_damping=False), "powell_damped"),
        (Ablation(powell_damping=False), "identity_damped"),
    ):
        _, _, opt, model, stream = start(ablation, {}, lr=0.3, warm=False)
        for x, y in stream * 4:
            opt.step(closure_for(opt, model, x, y))
        counts = opt.diagnostics().layers
        assert sum(getattr(layer, counted) for layer in counts) > 0
        assert sum(layer.powell_damped + layer.identity_damped for layer in counts) == sum(
            getattr(layer, counted) for layer in counts
        )


def test_an_input_factor_that_has_no_inverse_keeps_the_old_one_and_is_counted():
    _, _, opt, model, stream = start(Ablation(input_inverse_every=1), {}, lr=0.1, warm=False)
    x, y = stream[0]
    opt.step(closure_for(opt, model, x, y))
    saved = opt.state_dict()
    before = saved["kbfgs"]["layers"]["0"]["input_inverse"].clone()
    saved["kbfgs"]["layers"]["0"]["input_factor"].fill_(-1e3)
    opt.step(closure_for(opt, model, x, y))
    layer = opt.state_dict()["kbfgs"]["layers"]["0"]
    assert torch.equal(layer["input_inverse"], before)
    assert opt.diagnostics().layers[0].skipped_input_updates == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ablation(input_inverse_every=0), "ablation.input_inverse_every must be a whole"),
        (lambda: Ablation(input_inverse_every=2.5), "ablation.input_inverse_every must be a whole"),
        (lambda: Ablation(powell_damping="no"), "ablation.powell_damping must be True or False"),
        (lambda: KBFGS(network(3, 2), memory=0), "memory must be a whole number >= 1, got 0"),
        (lambda: KBFGS(network(3, 2), memory=True), "memory must be a whole number >= 1, got True"),
        (
            lambda: KBFGS(network(3, 2), memory=5, ablation=Ablation(identity_output_factor=True)),
            "ablation.identity_output_factor leaves no pairs to remember: leave memory out, got 5",
        ),
        (
            lambda: KBFGS(network(3, 2), ablation="identity"),
            "ablation must be a kbfgs.Ablation or None, got 'identity'",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert str(raised.value).startswith(message)
