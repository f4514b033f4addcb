"""Widgets: what a person sees of the workbench in JupyterLab and in Voila.

What lives here: one Python file for each widget, beside the state model that answers for it, and the built scripts and
stylesheets (``static``). What does not: any work, which the rooms below do, and the sources of the scripts
(``extensions/widgets``). A view is a function of what it shows: ``wb.watch(run)``, ``wb.browse(dataset)``.
"""
