"""The same world on one large GPU: a transformer, all concepts, chained runs of 25 minutes.

Command:   molnar train all --recipe sticker_gpu --stickers data/stickers --out runs/gpu
Hardware:  one GPU of 80 GB or more with bf16, and 16 CPU cores that draw the specs
Time:      25 minutes of diffusion per run; text 5, planner 5, autoencoder 10, decoder 10,
           finisher 5, upscaler 10, CLIP 5
Pace:      not measured yet: on a GPU this recipe has not been run; it is tested at toy size
To reach:  not known yet; the aim is to beat the figures of sticker_cpu in MODEL_CARD.md

Computes in bf16 with fp32 weights, moments and averages; the network is compiled; specs are drawn
by 14 processes and composed into pictures on the GPU. To chain runs, give the minutes of all of
them together:

    molnar train diffusion --recipe sticker_gpu --stickers data/stickers --out runs/gpu
           --minutes 50

goes on from the newest checkpoint (also on another machine: copy the folder) at the full learning
rate, and cools down over the last fifth. Everything is on disk every three minutes, and a kill
loses no more than that.
"""

from __future__ import annotations

from molnar.lab.train.builtin import sticker_gpu as recipe

__all__ = ["recipe"]
