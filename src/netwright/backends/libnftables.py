"""nftables in this process, through libnftables' C library (libnftables(3)): text in, text out.

Text, since its JSON input mistakes maps for sets in versions that are deployed, and crashes. A context is made for each run,
in the namespace it is for: that takes 0.03 ms, and one that is kept would keep its namespace alive after it was deleted.
"""

from __future__ import annotations

import ctypes
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from netwright.errors import FirewallError, Missing

SONAME = "libnftables.so.1"

STATELESS = 1 << 2
"""NFT_CTX_OUTPUT_STATELESS: no counters."""

NUMERIC_PROTOCOLS = 1 << 7
"""NFT_CTX_OUTPUT_NUMERIC_PROTO: the same listing with and without /etc/protocols."""

_MESSAGE = re.compile(r"Error: (.*)")


ENDED = """\
error: nftables' library has ended this process, as it does where it gets no memory or no socket; the host may be between two states, and what was begun is written down.
hint: when the cause is gone, run: netwright recover
"""

_libc = ctypes.CDLL(None)
_left: set[int] = set()


def _last_words(stay: int | None) -> None:
    """Called by exit(3), in the thread that called it, and when the library has been left. There is no way back from exit(3)."""
    if stay not in _left:
        os.write(2, ENDED.encode())
        os._exit(1)


_AT_EXIT = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(_last_words)


@contextmanager
def _within_the_library() -> Iterator[None]:
    """It calls exit(3) itself, with statuses that mean something else here (libnftables: nft_mnl_socket_open, memory_allocation_error)."""
    stay = ctypes.c_char()
    number = ctypes.addressof(stay)
    # What atexit(3) is made of, by a handle: Python cannot be called by an exit(3) that comes after its own end.
    _libc.__cxa_atexit(_AT_EXIT, ctypes.c_void_p(number), ctypes.c_void_p(number))
    try:
        yield
    finally:
        _left.add(number)
        _libc.__cxa_finalize(ctypes.c_void_p(number))
        _left.discard(number)


@cache
def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL(SONAME)
    except OSError as error:
        raise Missing(
            f"nftables' library {SONAME} is not there, and published ports and masquerading need it: {error}",
            hint="install the package libnftables1 (Debian, Ubuntu)",
        ) from error
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    for name, restype, *arguments in (
        ("nft_ctx_free", None),
        ("nft_ctx_buffer_output", ctypes.c_int),
        ("nft_ctx_buffer_error", ctypes.c_int),
        ("nft_ctx_output_set_flags", None, ctypes.c_uint),
        ("nft_run_cmd_from_buffer", ctypes.c_int, ctypes.c_char_p),
        ("nft_ctx_get_output_buffer", ctypes.c_char_p),
        ("nft_ctx_get_error_buffer", ctypes.c_char_p),
    ):
        function = getattr(library, name)
        function.restype = restype
        function.argtypes = [ctypes.c_void_p, *arguments]
    return library


def run_nft(text: str, *, counters: bool = False) -> str:
    """Run nft(8) text in the calling thread's namespace, as one transaction; what it prints, with what was counted or without.

    Raises FirewallError with nft's message, Missing.
    """
    library = _library()
    with _within_the_library():
        context = library.nft_ctx_new(0)
        if not context:
            raise FirewallError("nftables gave no context")
        try:
            library.nft_ctx_buffer_output(context)
            library.nft_ctx_buffer_error(context)
            library.nft_ctx_output_set_flags(context, NUMERIC_PROTOCOLS if counters else STATELESS | NUMERIC_PROTOCOLS)
            if library.nft_run_cmd_from_buffer(context, text.encode()) != 0:
                raise _refused((library.nft_ctx_get_error_buffer(context) or b"").decode("utf-8", "replace"))
            return (library.nft_ctx_get_output_buffer(context) or b"").decode("utf-8", "replace")
        finally:
            library.nft_ctx_free(context)


def _refused(output: str) -> FirewallError:
    messages = list(dict.fromkeys(found.strip() for found in _MESSAGE.findall(output))) or [output.strip() or "no reason given"]
    hint = "run it as root" if "Operation not permitted" in output else None
    return FirewallError(f"nftables says: {'; '.join(messages)}", hint=hint)
