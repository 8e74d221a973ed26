"""Imported by the server process of `tests.preloaded`: everything but the TUI, and nothing is called."""

import gc
import importlib
import pkgutil

import drio_tui

for _module in pkgutil.walk_packages(drio_tui.__path__, "drio_tui."):
    if not _module.name.startswith(("drio_tui.ui", "drio_tui.__main__")):
        importlib.import_module(_module.name)
gc.freeze()  # what is here stays: no forked process looks for garbage in it, or copies its pages for that
