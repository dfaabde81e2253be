"""Our CLIP: a picture and a sentence in, how well they fit out; it judges, it does not draw."""
