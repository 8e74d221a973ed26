"""Imports everything but the TUI; imported by the server process of `tests.preloaded`."""

import gc
import importlib
import pkgutil

import drio_tui

for _module in pkgutil.walk_packages(drio_tui.__path__, "drio_tui."):
    if not _module.name.startswith(("drio_tui.ui", "drio_tui.__main__")):
        importlib.import_module(_module.name)
gc.freeze()  # a collection in a forked process would copy the memory pages of these objects
