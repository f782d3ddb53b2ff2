"""The adapter of `torch.nn.Conv2d`: a matrix applied to the patches under its kernel."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn
from torch.nn.functional import pad

from kbfgs.layers.base import LayerAdapter

# Elements of a block of patches, 32 MiB in float32: a whole batch of them is kernel-size times
# the layer's input.
_BLOCK_ELEMENTS = 1 << 23


class ConvAdapter(LayerAdapter):
    """One group of a Conv2d; a is the patch under the kernel, in the weight's order.

    W̄ = [W b] with W of shape (out_channels / groups, in_channels / groups x kernel), applied at
    each of the |T| places of the kernel (Ren, Bahamou, Goldfarb 2021; Grosse, Martens 2016).

    Args:
        name: The module's name inside the model.
        module: The convolution.
        group: Which of its groups; None where there is only one.
    """

    def __init__(self, name: str, module: nn.Conv2d, *, group: int | None) -> None:
        super().__init__(name, module, group=group)
        self._conv = module
        channels = self.weight.shape[1]
        start = (group or 0) * channels
        self._channels = slice(start, start + channels)

    def unsupported_call(self, inputs: Tensor) -> str | None:
        """Inputs without a batch dimension are not handled."""
        if inputs.dim() == 4:
            return None
        return f"input of shape {tuple(inputs.shape)} is not (rows, channels, height, width)"

    def input_sum(self, inputs: Tensor) -> Tensor:
        """Σ a over samples and positions, shape (features,)."""
        total = inputs[:, self._channels].sum(0, keepdim=True)
        return self._patches(total).sum((0, 1, 2)).reshape(-1)

    def input_blocks(self, inputs: Tensor) -> Iterator[Tensor]:
        """The patches of as many samples at a time as make a block."""
        first = self._patches(inputs[:1, self._channels])
        samples = max(1, _BLOCK_ELEMENTS // max(1, first.numel()))
        for start in range(0, inputs.shape[0], samples):
            block = inputs[start : start + samples, self._channels]
            yield self._patches(block).reshape(-1, self.features)

    def output_rows(self, outputs: Tensor) -> Tensor:
        """Shape (positions, out_channels / groups)."""
        return outputs[:, self._rows].permute(0, 2, 3, 1).reshape(-1, self.output_dim)

    def _patches(self, images: Tensor) -> Tensor:
        """A view of the padded images, (samples, height, width, channels, kernel, kernel)."""
        conv = self._conv
        mode = "constant" if conv.padding_mode == "zeros" else conv.padding_mode
        padding = conv._reversed_padding_repeated_twice
        patches = pad(images, padding, mode=mode) if any(padding) else images
        for axis in (2, 3):
            size, step = conv.kernel_size[axis - 2], conv.dilation[axis - 2]
            patches = patches.unfold(axis, step * (size - 1) + 1, conv.stride[axis - 2])
            patches = patches[..., ::step]
        return patches.permute(0, 2, 3, 1, 4, 5)
