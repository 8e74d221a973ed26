"""All uses and patches of undocumented parts of Textual, Rich and asyncio, a module for each part of Textual.

No other package may use their private names. Each function and class says why it is needed, and in which version of
Textual the fault was seen. `tests/ui/base/textual_internals/` tests them in modules of the same names, except
`bindings` (`tests/ui/app_detail/test_app_screen.py`), stale sizes (`tests/ui/app/test_shell.py`) and the driver in a
terminal (`tests/ui/app/test_terminal.py`).
"""

from __future__ import annotations

from collections.abc import Callable


def is_patched(method: object) -> bool:
    """Return whether `patch` has put this method in the place of another."""
    return hasattr(method, "original")


def patch(owner: type, method: Callable[..., object]) -> None:
    """Put `method` in the place of a class's method of the same name, for all objects; its `original` is that one."""
    name = method.__name__
    method.__dict__["original"] = getattr(owner, name)
    setattr(owner, name, method)
