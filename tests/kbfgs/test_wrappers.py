"""Models split among devices in ways that K-BFGS cannot follow are refused."""

import pytest
import torch.distributed as dist
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard

from kbfgs import KBFGS, UnsupportedModelError


@pytest.fixture
def one_gloo_rank():
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def wrapped(kind):
    """A model with a layer inside a wrapper that is not initialized: FSDP needs a GPU for that."""
    wrapper = kind.__new__(kind)
    nn.Module.__init__(wrapper)
    wrapper._modules["_fsdp_wrapped_module"] = nn.Linear(4, 2)
    return nn.Sequential(nn.Linear(3, 4), wrapper)


@pytest.mark.parametrize("kind", [FullyShardedDataParallel, nn.DataParallel])
def test_a_wrapper_inside_the_model_is_refused_with_the_way_out(kind):
    with pytest.raises(
        UnsupportedModelError, match=rf"module '1' is under {kind.__name__}, .*: use .*Distributed"
    ):
        KBFGS(wrapped(kind))


@pytest.mark.usefixtures("one_gloo_rank")
def test_fully_sharded_weights_are_refused_with_the_way_out():
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    fully_shard(model[1], mesh=init_device_mesh("cpu", (1,)))
    with pytest.raises(
        UnsupportedModelError, match=r"module '1' is under fully_shard .*DistributedDataParallel"
    ):
        KBFGS(model)
