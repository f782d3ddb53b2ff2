"""The factories against the catalogue: same names, every setting taken, every corner runs."""

import itertools
import math

import pytest
import torch
from torch import nn

import kbfgs
from service.contracts.catalogue import built_in
from tests.support.tiny_training import OPTIMIZERS, TinyAutoencoder, settings_of
from workers import optimizers, problems
from workers.optimizers import UnknownOptimizer, build_optimizer, wants_warm_start
from workers.problems import Split
from workers.step import optimization_step

pytestmark = pytest.mark.training

WARM_STARTING = {"kbfgs", "kbfgs-l", "kfac", "rmsprop-paper"}


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 4))


def entry_defaults(name: str) -> dict[str, object]:
    return {setting.name: setting.default for setting in built_in().optimizer(name).settings}


def test_catalogue_and_factories_name_the_same_things():
    assert set(optimizers.FACTORIES) == {entry.name for entry in built_in().optimizers}
    assert set(problems.FACTORIES) == {entry.name for entry in built_in().problems}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_setting_of_the_catalogue_is_accepted(name):
    built = build_optimizer(name, model(), entry_defaults(name))
    assert isinstance(built, torch.optim.Optimizer)
    assert built.param_groups[0]["lr"] == entry_defaults(name)["lr"]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_parameter_stands_in_one_group(name):
    network = model()
    built = build_optimizer(name, network, entry_defaults(name))
    held = [id(weight) for group in built.param_groups for weight in group["params"]]
    assert sorted(held) == sorted(id(weight) for weight in network.parameters())


def corners() -> list[object]:
    return [
        pytest.param(entry.name, dict(zip(entry.space, corner, strict=True)), id=entry.name)
        for entry in built_in().optimizers
        for corner in itertools.product(*(range_.bounds for range_ in entry.space.values()))
    ]


@pytest.mark.parametrize(("name", "corner"), corners())
def test_the_corners_of_every_default_space_train_or_diverge(name, corner):
    torch.manual_seed(0)
    problem = TinyAutoencoder()
    network = problem.build_model()
    built = build_optimizer(name, network, {**entry_defaults(name), **corner})
    batch = next(problem.load(torch.device("cpu")).train.cut(20))
    first = optimization_step(network, built, problem=problem, batch=batch)
    assert math.isfinite(first.loss)
    optimization_step(network, built, problem=problem, batch=batch)
    assert built.param_groups[0]["lr"] == corner["lr"]


@pytest.mark.parametrize("name", ["kbfgs", "kbfgs-l", "kfac"])
def test_the_safeguard_is_the_librarys_or_none(name):
    on = build_optimizer(name, model(), settings_of(name, safeguard=True))
    off = build_optimizer(name, model(), settings_of(name, safeguard=False))
    assert on.config.safeguard == kbfgs.Safeguard()
    assert off.config.safeguard is None


def test_settings_reach_the_optimizer():
    built = build_optimizer("kbfgs", model(), settings_of("kbfgs", powell=0.25, momentum=0.5))
    assert (built.config.powell, built.config.momentum) == (0.25, 0.5)
    betas = (0.8, 0.95)
    assert build_optimizer("adam", model(), settings_of("adam", betas=betas)).defaults["betas"] == (
        0.8,
        0.95,
    )


def test_only_kbfgs_l_remembers_pairs():
    assert build_optimizer("kbfgs", model(), settings_of("kbfgs")).config.memory is None
    assert build_optimizer("kbfgs-l", model(), entry_defaults("kbfgs-l")).config.memory == 100


def test_no_part_of_kbfgs_can_be_left_out_by_a_setting():
    assert "ablation" not in entry_defaults("kbfgs")


def test_those_ask_for_a_warm_start_that_have_one():
    assert {name for name in OPTIMIZERS if wants_warm_start(entry_defaults(name))} == WARM_STARTING


def test_an_unknown_optimizer_is_refused_with_those_that_exist():
    with pytest.raises(UnknownOptimizer, match="adam"):
        build_optimizer("adamz", model(), {})


class Language(nn.Module):
    """An embedding, a convolution, a norm and a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 4)
        self.convolution = nn.Conv2d(1, 2, 2)
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 3)


def test_muon_takes_matrices_and_leaves_embeddings_convolutions_and_vectors_to_adamw():
    network = Language()
    built = build_optimizer("muon", network, settings_of("muon", lr=0.05, other_lr=0.002))
    matrices, others = built.param_groups
    assert [id(weight) for weight in matrices["params"]] == [id(network.head.weight)]
    assert id(network.table.weight) in {id(weight) for weight in others["params"]}
    assert (matrices["lr"], others["lr"]) == (0.05, 0.002)


def test_muon_without_any_matrix_is_adamw():
    network = nn.Sequential(nn.LayerNorm(4))
    built = build_optimizer("muon", network, settings_of("muon"))
    assert len(built.param_groups) == 1


def test_muon_and_adamw_as_one_take_the_steps_of_both():
    torch.manual_seed(0)
    together, apart = model(), model()
    apart.load_state_dict(together.state_dict())
    weights = [weight for weight in apart.parameters() if weight.dim() == 2]
    biases = [weight for weight in apart.parameters() if weight.dim() == 1]
    ours = build_optimizer("muon", together, settings_of("muon", weight_decay=0.1, lr=0.02))
    theirs = (
        torch.optim.Muon(weights, lr=0.02, weight_decay=0.1),
        torch.optim.AdamW(biases, lr=1e-3, weight_decay=0.1),
    )
    rows = torch.randn(6, 4)
    for _ in range(3):
        together.zero_grad()
        together(rows).square().sum().backward()
        ours.step()
        apart.zero_grad()
        apart(rows).square().sum().backward()
        for part in theirs:
            part.step()
    pairs = zip(together.parameters(), apart.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


class Rows(TinyAutoencoder):
    """A quadratic with one weight matrix, to be minimized with weight decay."""

    def build_model(self) -> nn.Module:
        return nn.Linear(3, 2, bias=False).double()

    def load(self, device):
        generator = torch.Generator().manual_seed(1)
        inputs = torch.randn(20, 3, generator=generator, dtype=torch.float64)
        return Split(inputs, torch.randn(20, 2, generator=generator, dtype=torch.float64))


@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("search", [True, False])
def test_lbfgs_finds_the_minimum_of_the_loss_with_its_decay(decay, search):
    torch.manual_seed(0)
    problem = Rows()
    network, rows = problem.build_model(), problem.load(None)
    settings = settings_of("lbfgs", weight_decay=decay, strong_wolfe=search, max_iter=50)
    built = build_optimizer("lbfgs", network, settings)
    before = problem.loss(network(rows.inputs), rows.targets).item()
    result = optimization_step(network, built, problem=problem, batch=rows)
    x, y = rows.inputs, rows.targets
    gram = x.T @ x / 20 + decay * torch.eye(3, dtype=torch.float64)
    assert torch.allclose(network.weight, torch.linalg.solve(gram, x.T @ y / 20).T, atol=1e-4)
    assert result.loss == before, "the reported loss is without the decay"
