"""DLinear: one linear map of the trend and one of what remains, the baseline that other networks must beat."""

import torch
from torch import nn

WIDTH = 5  # steps of the moving average that is the trend


class DLinear(nn.Module):
    """Quantiles of the steps to come, linear in the line's own returns.

    It begins with those of a normal law about zero with the deviation of the history.

    Source : Zeng, Chen, Zhang and Xu (2023), Are transformers effective for time series forecasting?, AAAI 37, section
             4; here with a row of either map, and a constant, for each step and quantile.
    """

    def __init__(self, history: int, steps: int, levels: tuple[float, ...]) -> None:
        super().__init__()
        self.shape, self.width = (steps, len(levels)), min(WIDTH, history)
        self.trend = nn.Linear(history, steps * len(levels), bias=False)
        self.remainder = nn.Linear(history, steps * len(levels))
        nn.init.zeros_(self.trend.weight)
        nn.init.zeros_(self.remainder.weight)
        self.remainder.bias.data = torch.special.ndtri(torch.tensor(levels)).repeat(steps)

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        """(N, steps, levels) log returns, from the history (N, history) in units of its deviation."""
        scale = inputs["target_scale"][:, 1:]
        history = inputs["encoder_target"] / scale
        left, right = (self.width - 1) // 2, self.width // 2
        padded = torch.cat([history[:, :1].expand(-1, left), history, history[:, -1:].expand(-1, right)], dim=1)
        trend = padded.unfold(1, self.width, 1).mean(dim=2)
        found = self.trend(trend) + self.remainder(history - trend)
        return found.reshape(-1, *self.shape) * scale[..., None]
