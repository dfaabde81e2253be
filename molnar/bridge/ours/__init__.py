"""The shipped model as diffusers has models: the sources of the files that an export carries.

Each module is a component, or the pipeline, written in terms of molnar; `inlining.py` writes what
it uses of molnar into it, so that the exported file stands alone.
"""
