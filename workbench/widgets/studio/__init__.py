"""The studio: the flow of work as one page, from data to a deployment, left to right.

What lives here: ``studio`` and its steps, made of stock widgets around ours. What does not: the chat, the browser, the
board and the chart themselves (``widgets``).
"""
