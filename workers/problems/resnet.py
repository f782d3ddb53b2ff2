"""The residual network of He et al. for pictures of 32×32 pixels (CVPR 2016, section 4.2)."""

import torch
from torch import Tensor, nn

STAGES = ((16, 1), (32, 2), (64, 2))
"""Channels of each stage, and the stride of its first convolution."""


class ResNet(nn.Module):
    """6n + 2 layers: a convolution, three stages of n blocks, the mean over the picture, and a
    linear layer; batch norm after each convolution.

    Shortcuts have no parameters (option A). The convolutions' initial weights are those of
    He et al., ICCV 2015.

    Args:
        blocks: Blocks of a stage, n; 3 gives ResNet-20.
        classes: Outputs.
    """

    def __init__(self, *, blocks: int = 3, classes: int = 10) -> None:
        super().__init__()
        channels = STAGES[0][0]
        self.stem = nn.Sequential(_convolution(3, channels), nn.BatchNorm2d(channels), nn.ReLU())
        stages: list[nn.Module] = []
        for width, stride in STAGES:
            for index in range(blocks):
                stages.append(Block(channels, width, stride=stride if index == 0 else 1))
                channels = width
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits, shape (rows, classes), of pictures of shape (rows, 3, height, width)."""
        features: Tensor = self.stages(self.stem(pictures))
        logits: Tensor = self.classifier(features.mean((2, 3)))
        return logits


class Block(nn.Module):
    """Two convolutions, whose result is added to what they were given."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            _convolution(inputs, outputs, stride=stride),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            _convolution(outputs, outputs),
            nn.BatchNorm2d(outputs),
        )
        self.stride, self.added = stride, outputs - inputs

    def forward(self, features: Tensor) -> Tensor:
        """relu(residual + shortcut); where the channels grow, the shortcut's new ones are zero."""
        shortcut = features[:, :, :: self.stride, :: self.stride]
        if self.added:
            shortcut = nn.functional.pad(shortcut, (0, 0, 0, 0, 0, self.added))
        return torch.relu(self.residual(features) + shortcut)


def _convolution(inputs: int, outputs: int, *, stride: int = 1) -> nn.Conv2d:
    layer = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer
