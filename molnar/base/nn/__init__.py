"""Layers that several networks share: attention, norms, positions, times, convolutions.

These are the only modules of `molnar.base` that import torch.
"""
