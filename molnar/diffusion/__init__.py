"""Embeddings and noise -> a latent: what time means, which times to visit, and how to walk them."""
