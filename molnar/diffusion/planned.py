"""What is planned for every cell in, features that a velocity network adds to its own out.

Source: Park et al. 2019, arXiv 1903.07291, section 3.1 (a layout steers every place by its own
convolution), here added once instead of at every normalisation.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from molnar.base.boxes import ACROSS, BOX, DOWN, LOUD_BOX


class Planned(nn.Module):
    """Read what is planned for every cell, with a look at its neighbours.

    Without biases: a map of zeros says nothing, and changes nothing.
    """

    def __init__(self, features: int, width: int, channels: int) -> None:
        super().__init__()
        self.read = nn.Conv2d(features, width, 1, bias=False)
        self.mix = nn.Conv2d(width, channels, 3, padding=1, bias=False)
        self.leave = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        nn.init.zeros_(self.leave.weight)

    def forward(self, plan: Tensor) -> Tensor:
        """Map Float B F H W to Float B C H W."""
        h = F.silu(self.mix(F.silu(self.read(plan))))
        out: Tensor = self.leave(h)
        return out


class Sketch(nn.Module):
    """What a thing looks like before anything is known of the picture, laid into its box.

    A name and a colour give a small map, SIDE by SIDE from the left to the right of any box and
    from its top to its bottom; each cell takes what lies at its own place there (one at an edge,
    whose place is mixed with that of what lies behind, from further in or out). Without it, a
    network must work out how a name and a place in a box go together, name by name.

    Source: Ha et al. 2016, arXiv 1609.09106, section 3 (one network's output as the other's
    weights), here the weights of a sum of hat functions.
    """

    SIDE = 8
    REACH = 1.25  # half sides from the centre at which the outermost hats stand

    centres: Tensor

    def __init__(self, features: int, width: int, sketched: int, channels: int) -> None:
        """Begin without effect.

        Args:
            features: F of a plan's map.
            width: of what is read of a name.
            sketched: channels of the small map.
            channels: C of what is added.
        """
        super().__init__()
        self.sketched = sketched
        self.read = nn.Conv2d(features - BOX, width, 1, bias=False)
        self.to_cells = nn.Conv2d(width, sketched * self.SIDE**2, 1, bias=False)
        self.leave = nn.Conv2d(sketched, channels, 3, padding=1, bias=False)
        nn.init.zeros_(self.leave.weight)
        places = torch.linspace(-self.REACH, self.REACH, self.SIDE)
        self.register_buffer("centres", places.view(1, -1, 1, 1), persistent=False)

    def forward(self, plan: Tensor) -> Tensor:
        """Map Float B F H W to Float B C H W."""
        batch, _, height, width = plan.shape
        whole = self.to_cells(F.silu(self.read(plan[:, :-BOX])))
        across, down = (self.hats(plan[:, at - BOX, None]) for at in (ACROSS, DOWN))
        hats = (down[:, :, None] * across[:, None]).flatten(1, 2).to(whole.dtype)
        drawn = whole.view(batch, self.sketched, -1, height, width) * hats[:, None]
        out: Tensor = self.leave(F.silu(drawn.sum(2)))
        return out

    def hats(self, place: Tensor) -> Tensor:
        """Weigh places along one side, Float B 1 H W: Float B SIDE H W, of sum 1 within REACH."""
        apart = 2 * self.REACH / (self.SIDE - 1)
        return (1 - (place / LOUD_BOX - self.centres).abs() / apart).clamp(min=0)
