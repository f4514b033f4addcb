"""Deployments: an export that answers requests somewhere.

What lives here: the record of a deployment, and the endpoint on this machine. What does not: the app that answers
(``serving``).
"""
