"""The Prefect side of the workbench: local server and worker, launcher and flows. No machine learning here."""
