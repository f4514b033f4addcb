"""Private Python environments, for formats whose packages the workbench does not have, or not at a fitting version.

What lives here: which packages a format needs (``needs``), its environment (``environment``), making and removing one
(``making``). What does not: whether a format can be made here (``exports.abilities``), calling something in an
environment (``exports.place``).
"""

from workbench.exports.environments.environment import Environment as Environment
from workbench.exports.environments.environment import environment_of as environment_of
from workbench.exports.environments.making import make as make
from workbench.exports.environments.making import remove as remove
