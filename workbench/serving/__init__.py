"""The torch-free inference app. It travels alone: this folder and ``errors.py`` are all that it needs.

What lives here: the model's spec file, decoding, pre- and post-processing, the ONNX session, the HTTP app.
What does not: exporting (``exports``), starting and stopping a server process (``deployments``), settings.
"""
