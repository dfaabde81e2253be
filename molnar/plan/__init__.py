"""A sentence's scene before any pixel: what there is, in which colour, in which box."""
