"""Sentinode: finds metastases in lymph-node histology.

Import from the rooms, for example `from sentinode.models.bundle import open_bundle`. Nothing happens at import: no room
is loaded, the environment is not read, and torch stays out until something needs it.
"""

from importlib.metadata import version

__version__ = version("sentinode")
