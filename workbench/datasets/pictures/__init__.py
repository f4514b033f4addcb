"""Pictures of a dataset for people: small, and with what is marked on them.

What lives here: decoding one image into a small one (``shrink``), thumbnails that are kept (``thumbs``), what is drawn
on them (``overlays``), many on one sheet (``sheet``). What does not: which images there are (``index``), the widgets
that show them.
"""
