"""Image -> latent -> image: what a latent is, and the two networks that make and undo it."""
