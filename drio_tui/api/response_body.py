"""Reading an answer's body in bounded memory, whatever its compression claims."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from drio_tui.api.errors import NotDrio, ResponseTooLarge
from drio_tui.api.http import httpx
from drio_tui.text import one_line

# The only coding asked for: it is unpacked here, a piece at a time, where the HTTP library would unpack a whole
# chunk at once, and codings stacked on each other without bound.
ACCEPT_ENCODING = "gzip"


async def read_body(response: httpx.Response, limit: int, progress: Callable[[int], object] | None = None) -> bytes:
    """The whole body, unpacked, of at most `limit` bytes; `progress` is told how many there are so far.

    Raises `ResponseTooLarge` as soon as the limit is passed, `NotDrio` for compression that is broken, cut
    short or of a kind not asked for, and the HTTP library's own errors for a broken connection.
    """
    declared = response.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(limit)
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise NotDrio(f"the answer is encoded as {one_line(coding, 40)}, which was not asked for")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if "gzip" in coding else None
    body = bytearray()
    packed = 0
    async for chunk in response.aiter_raw():
        packed += len(chunk)
        if unpack is None:
            body += chunk
        else:
            try:
                body += unpack.decompress(chunk, limit - len(body) + 1)
            except zlib.error as error:
                raise NotDrio(f"the answer's compression is broken: {one_line(str(error), 100)}") from error
            if unpack.unused_data:
                raise NotDrio("the answer's compression is broken: more follows its end")
        if len(body) > limit:
            raise _too_large(limit)
        if progress is not None:
            progress(len(body))
    if unpack is not None and packed and not unpack.eof:
        raise NotDrio("the answer's compression is broken: it ends early")
    return bytes(body)


def _too_large(limit: int) -> ResponseTooLarge:
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
    return ResponseTooLarge(f"the answer is larger than {size}")
