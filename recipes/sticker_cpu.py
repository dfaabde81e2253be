"""The sticker model on two CPU cores: a convolutional U-Net, few concepts first.

Command:   molnar train all --recipe sticker_cpu --stickers data/stickers --out runs/sticker
Hardware:  two CPU cores, 4 GB of memory
Time:      two and a half hours in all: text 12 minutes, autoencoder 13, diffusion 100,
           upscaler 10, CLIP 15, and some for reading drawings and embedding texts
Pace:      22 to 25 pictures/s in diffusion on two Zen 3 cores with nothing beside it, 11 to 14 in
           company (10.7 M parameters, 3.1 GFLOP per picture): 130,000 pictures in 100 minutes
To reach:  ProcEval single >= 0.80, colour >= 0.75, overall >= 0.50. Not reached: the bundle that is
           shipped came from 94,192 pictures in four stages of changing settings, most of them
           without this recipe's time shift and coarse errors, and scores 0.01 (docs/log.md)

Runs continue each other. A longer one of the same kind goes on from the newest checkpoint at the
full learning rate, and cools down again at the end; the minutes are those of all runs together:

    molnar train diffusion --recipe sticker_cpu --stickers data/stickers --out runs/sticker
           --minutes 200

More concepts, after the first ones are learned, is another run from the weights of the first:

    cp runs/sticker/diffusion/model.safetensors few.safetensors
    molnar train diffusion --recipe sticker_cpu --stickers data/stickers --out runs/sticker
           --fresh --set drawings.concepts=common --set train.init=few.safetensors

Why so: on a CPU the number of updates and the bias of the network matter more than the number of
parameters. A transformer of 16 M parameters learned background colours in 45 minutes, and no
shapes; a U-Net learned faces and hearts in 38. Hence convolutions, a latent in closed form, small
batches, and few concepts first.
"""

from __future__ import annotations

from molnar.lab.train.builtin import sticker_cpu as recipe

__all__ = ["recipe"]
