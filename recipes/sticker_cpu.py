"""The sticker model on two CPU cores: a convolutional U-Net on common concepts.

Command:   molnar train all --recipe sticker_cpu --stickers data/stickers --out runs/sticker
Hardware:  two CPU cores, 4 GB of memory; with AMX or AVX512-BF16 bf16 is used, 13 or
           2.6 times as fast in bare products
Time:      about four and a half hours in all: text 12 minutes, planner 15, autoencoder 13,
           diffusion 120, decoder 25, finisher 20 and upscaler 35 (and some for drawing again what
           they mend), CLIP 15, and some for reading drawings and embedding texts
Pace:      80 pictures/s in diffusion on two cores with AMX and nothing beside it (16.1 M
           parameters, 6.3 GFLOP per picture, before plans, which add 0.3 M): 506,368 pictures
           in 120 minutes; with plans, on two cores with AVX2 alone, 11 to 14 pictures/s
To reach:  ProcEval single >= 0.80, colour >= 0.75, overall >= 0.50. What is shipped, how it came
           about in several runs, and its scores are told in MODEL_CARD.md and docs/log.md

Runs continue each other. A longer one of the same kind goes on from the newest checkpoint at the
full learning rate, and cools down again at the end; the minutes are those of all runs together:

    molnar train diffusion --recipe sticker_cpu --stickers data/stickers --out runs/sticker
           --minutes 200

More concepts, after the first ones are learned, is another run from the weights of the first, once
they read the new names (molnar/lab/train/renaming.py, docs/08-train.md):

    molnar train diffusion --recipe sticker_cpu --stickers data/stickers --out runs/sticker
           --fresh --set drawings.concepts=all --set world.common_p=0.3
           --set train.init=renamed.safetensors

Why so: on a CPU the number of updates and the bias of the network matter more than the number of
parameters. A transformer of 16 M parameters learned background colours in 45 minutes, and no
shapes; a U-Net learned faces and hearts in 38. Hence convolutions, a latent in closed form, small
batches, and common concepts first.
"""

from __future__ import annotations

from molnar.lab.train.builtin import sticker_cpu as recipe

__all__ = ["recipe"]
