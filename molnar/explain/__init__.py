"""Looking into the path: what a picture has from where."""
