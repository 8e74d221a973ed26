"""Reads response bodies in bounded memory, also compressed ones."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from drio_tui.api.errors import NotDrio, ResponseTooLarge
from drio_tui.api.http import httpx
from drio_tui.text import one_line

# The only coding requested. It is decompressed here with a limit: httpx would decompress a whole chunk at once, and
# any number of stacked codings.
ACCEPT_ENCODING = "gzip"


async def read_body(response: httpx.Response, limit: int, progress: Callable[[int], object] | None = None) -> bytes:
    """Return the decompressed body, at most `limit` bytes; `progress` is called with the number of bytes read.

    Raises `ResponseTooLarge` as soon as the limit is exceeded, `NotDrio` for compression that is invalid, truncated or
    was not requested, and the exceptions of httpx for a broken connection.
    """
    declared = response.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and (len(declared) > 18 or int(declared) > limit):
        raise _too_large(limit)
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity", "gzip", "x-gzip"):
        raise NotDrio(f"the response is encoded as {one_line(coding, 40)}, which was not asked for")
    decompressor = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16) if "gzip" in coding else None
    body = bytearray()
    compressed_size = 0
    async for chunk in response.aiter_raw():
        compressed_size += len(chunk)
        if decompressor is None:
            body += chunk
        else:
            try:
                body += decompressor.decompress(chunk, limit - len(body) + 1)
            except zlib.error as error:
                raise NotDrio(f"the response's compression is broken: {one_line(str(error), 100)}") from error
            if decompressor.unused_data:
                raise NotDrio("the response's compression is broken: more follows its end")
        if len(body) > limit:
            raise _too_large(limit)
        if progress is not None:
            progress(len(body))
    if decompressor is not None and compressed_size and not decompressor.eof:
        raise NotDrio("the response's compression is broken: it ends early")
    return bytes(body)


def _too_large(limit: int) -> ResponseTooLarge:
    size = f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit} bytes"
    return ResponseTooLarge(f"the response is larger than {size}")
