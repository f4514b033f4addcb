"""A Jupyter-centric workbench for vision models."""

__version__ = "0.1.0"
