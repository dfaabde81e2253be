"""Public checkpoints behind our own commands: diffusers draws, everything around it is molnar's."""
