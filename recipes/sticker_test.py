"""Every part at toy size: proves that the whole chain runs, and draws nothing.

Command:   molnar train all --recipe sticker_test --out runs/test
Hardware:  one CPU core, 1 GB of memory, no network
Time:      about 20 seconds for all eight parts
To reach:  eight folders that `molnar export` accepts; the loss means nothing

The functions behind these files live in the package (molnar/lab/train/builtin.py), so that the
names also work where only the wheel is installed. Copy a file from here, change what `recipe`
returns, and give its path to --recipe.
"""

from __future__ import annotations

from molnar.lab.train.builtin import sticker_test as recipe

__all__ = ["recipe"]
