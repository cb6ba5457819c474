"""The network in torch, for training; `fovea.segmentation.phase.network` applies it without."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

INPUTS, OUTPUTS = 3, 3


def block(inputs: int, outputs: int) -> nn.Sequential:
    """3 x 3 convolution with repeated edges, batch normalisation, rectifier."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="replicate", bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class Net(nn.Module):
    """A U-Net that adds the features of the encoder, rather than concatenating them.

    The first and the last layer rearrange squares of 2 x 2 pixels into four times the channels
    (pixel unshuffle and shuffle), so that all layers work at half the resolution or less.
    `channels` are those at 1/2, 1/4 … of the resolution of the input.
    """

    def __init__(self, channels: Sequence[int]):
        super().__init__()
        ins = (4 * INPUTS, *channels)
        pairs = list(zip(ins, channels, strict=False))
        self.enc = nn.ModuleList(nn.Sequential(block(i, o), block(o, o)) for i, o in pairs)
        self.lat = nn.ModuleList(nn.Conv2d(o, i, 1) for i, o in pairs[1:])
        self.dec = nn.ModuleList(block(i, i) for i in channels[:-1])
        self.out = nn.Conv2d(channels[0], 4 * OUTPUTS, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 3, h, w) features to (N, 3, h, w) outputs; h and w are multiples of 2^levels."""
        x = functional.pixel_unshuffle(x, 2)
        seen = []
        for level, encode in enumerate(self.enc):
            x = encode(functional.max_pool2d(x, 2) if level else x)
            seen.append(x)
        for level in reversed(range(len(self.dec))):
            x = functional.interpolate(self.lat[level](x), scale_factor=2, mode="nearest")
            x = self.dec[level](x + seen[level])
        return functional.pixel_shuffle(self.out(x), 2)


def folded(net: Net) -> dict[str, np.ndarray]:
    """Return weights and biases by name, float32, with normalisation folded into convolutions."""
    arrays = {}
    for name, part in net.named_modules():
        if isinstance(part, nn.Conv2d):
            arrays[f"{name}.w"] = part.weight.detach().numpy().copy()
            if part.bias is not None:
                arrays[f"{name}.b"] = part.bias.detach().numpy().copy()
        elif isinstance(part, nn.BatchNorm2d):
            before = name[: -len("1")] + "0"  # in its block, the convolution
            gain = (part.weight / torch.sqrt(part.running_var + part.eps)).detach().numpy()
            arrays[f"{before}.w"] *= gain[:, None, None, None]
            shift = part.bias.detach().numpy() - part.running_mean.numpy() * gain
            arrays[f"{before}.b"] = shift
    return arrays
