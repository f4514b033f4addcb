"""The state behind each widget: plain Python, tested without a browser; nothing here knows ipywidgets."""
