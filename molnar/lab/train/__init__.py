"""Data and a recipe -> trained parts, one folder each: the training half of molnar.

`loop.train` drives every part; what differs between parts is a `Task` (vae.py, text.py ...).
Import the modules you need: this package loads no torch by itself.
"""
