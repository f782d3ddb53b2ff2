"""A trial tells where it ran, as far as its losses depend on it."""

import subprocess
from pathlib import Path

import torch

import kbfgs
from workers.data import library
from workers.data.identity import data_of
from workers.environment import describe_environment
from workers.revision import revision_of


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
    ran = subprocess.run(
        ["git", *who, *words], cwd=folder, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def test_a_checkout_has_its_revision_and_says_where_files_were_changed(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "-m", "one")
    git(tmp_path, "tag", "-a", "v1", "-m", "no name for it")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert revision_of(tmp_path, {}) == head
    (tmp_path / "file").write_text("another")
    assert revision_of(tmp_path, {}) == f"{head}-dirty"
    assert revision_of(tmp_path, {"KBFGS_REVISION": "told"}) == "told"


def test_what_is_no_checkout_has_none(tmp_path: Path) -> None:
    assert revision_of(tmp_path, {}) == ""
    (tmp_path / ".git").write_text("gitdir: nowhere")
    assert revision_of(tmp_path, {}) == ""


def test_a_problem_names_its_data_with_the_digest_of_their_files() -> None:
    (told,) = data_of("mnist-5k-autoencoder")
    name, version, digest = told.split()
    assert (name, version) == ("mnist-5k", str(library().dataset("mnist-5k").version))
    assert digest.startswith("sha256:")
    assert len(digest) == len("sha256:") + 64
    assert data_of("logistic-regression") == (told,)
    assert data_of("quadratic") == ()


def test_versions_and_instructions_are_told() -> None:
    here = describe_environment(torch.device("cpu"), 3, data=("a", "b"))
    assert (here.torch, here.kbfgs, here.threads) == (torch.__version__, kbfgs.__version__, 3)
    assert here.instructions == torch.backends.cpu.get_cpu_capability()
    assert here.data == ("a", "b")
