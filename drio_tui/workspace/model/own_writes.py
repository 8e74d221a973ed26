"""Which resources this program wrote itself, so that they are not taken for changes by someone else."""

from __future__ import annotations

from urllib.parse import unquote

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def written_resource(path: str) -> tuple[str, tuple[str, str]] | None:
    """Return the app's id and the resource's key that a request to `path` writes; None for other paths.

    The id in the key is empty for a request that creates a resource.
    """
    from drio_tui.kinds import APP, KINDS, OPERATION  # not needed for the first frame

    parts = [unquote(part) for part in path.partition("?")[0].strip("/").split("/")]
    if parts[0] == "sandbox" and parts[-1] == "restore":
        del parts[0]
    if parts[0] != "apps" or len(parts) < 2:
        return None
    app, rest = parts[1], parts[2:]
    if not rest or rest in (["deploy"], ["restore"]):
        return app, (APP.name, app)
    if len(rest) == 3 and rest[2] == "operations":
        return app, (OPERATION.name, "")
    kind = next((name for name, kind in KINDS.items() if kind.collection.rpartition("/")[2] == rest[0]), None)
    return None if kind is None else (app, (kind, rest[1] if len(rest) > 1 else ""))


class OwnWrites:
    """The writes of one connection, in order. A position in that order says which ones a read cannot have missed."""

    def __init__(self) -> None:
        self.position = 0
        self._written: dict[str, dict[tuple[str, str], int]] = {}
        self._running: dict[int, str] = {}

    def note(self, number: int, method: str, path: str, *, is_finished: bool) -> None:
        """Note that the request `number` has begun, or has ended."""
        written = None if method in _SAFE_METHODS else written_resource(path)
        if written is None:
            return
        app, key = written
        self.position += 1
        self._written.setdefault(app, {})[key] = self.position
        if is_finished:
            self._running.pop(number, None)
        else:
            self._running[number] = app

    def is_running(self, app: str) -> bool:
        """Return whether a write to this app has no response yet."""
        return app in self._running.values()

    def since(self, app: str, position: int) -> frozenset[tuple[str, str]]:
        """Return the keys of the resources of an app that were written after a position."""
        return frozenset(key for key, at in self._written.get(app, {}).items() if at > position)

    def apps_since(self, position: int) -> frozenset[str]:
        """Return the ids of the apps that were written after a position."""
        return frozenset(app for app, keys in self._written.items() if max(keys.values()) > position)
