"""The step benchmark runs on a CPU and prints what it promises."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import optimizer_step
from benchmarks.autoencoder import autoencoder
from benchmarks.contenders import CONTENDERS

pytestmark = pytest.mark.training

TINY = ["--sizes", "12", "16", "8", "4", "8", "16", "12", "--batch", "20"]


def test_every_contender_is_timed_beside_sgd(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "found.json"
    optimizer_step.main([*TINY, "--rounds", "1", "--steps", "1", "--json", str(found)])
    result = json.loads(found.read_text())
    rows = {row["name"]: row for row in result["rows"]}
    assert list(rows) == list(CONTENDERS)
    assert rows["SGD"]["ratio"] == 1
    assert all(row["ratio"] > 0 and row["state_bytes"] > 0 for row in rows.values())
    assert "first_pass" in {row["name"] for row in result["phases"]["K-BFGS"]}
    assert result["bytes"]["K-BFGS"] > 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in [*CONTENDERS, "counted operations", "% of the gradient"])


def test_memory_counts_what_the_optimizer_keeps_and_not_the_weights() -> None:
    contender = CONTENDERS["SGD"]
    model = autoencoder((12, 16, 8, 16, 12))
    trainer = contender.build(model, contender.points[0])
    trainer.step(torch.rand(5, 12))
    for parameter, kept in trainer.optimizers[0].state.items():
        kept["parameter"] = parameter.detach()
    assert optimizer_step.state_bytes(trainer) == 4 * sum(p.numel() for p in model.parameters())


def test_memory_of_kbfgs_is_that_of_its_layers_and_the_weights_before_the_step() -> None:
    contender = CONTENDERS["K-BFGS"]
    trainer = contender.build(autoencoder((31, 63, 31, 63, 31)), contender.points[0])
    trainer.step(torch.rand(5, 31))
    held = sum(layer.bytes_held for layer in trainer.optimizers[0].diagnostics().layers)
    held += sum(parameter.nbytes for parameter in trainer.model.parameters())
    assert optimizer_step.state_bytes(trainer) == pytest.approx(held, rel=0.1)


def test_reading_a_number_from_a_tensor_is_seen_as_a_wait() -> None:
    value = torch.ones(3)
    cpu = torch.device("cpu")
    assert optimizer_step.waits(lambda: value.sum().item(), cpu)
    assert not optimizer_step.waits(lambda: value.sum(), cpu)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", [name for name in CONTENDERS if name.startswith(("K-", "SGD"))])
def test_no_step_waits_for_the_device(name):
    contender, device = CONTENDERS[name], torch.device("cuda")
    trainer = contender.build(autoencoder((12, 16, 8, 16, 12)).to(device), contender.points[0])
    batch = torch.rand(20, 12, device=device)
    for _ in range(contender.early_steps + 3):
        trainer.step(batch)
    assert optimizer_step.waits(lambda: trainer.step(batch).item(), device)
    assert not optimizer_step.waits(lambda: trainer.step(batch), device)
