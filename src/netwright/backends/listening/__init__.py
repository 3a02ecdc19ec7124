"""Ears: what the kernel, the file system and Docker tell unasked, as Notices.

    kernel.py     rtnetlink's and nf_tables' groups: this namespace's, and those of all others that it has numbered
    folders.py    names that come and go below /run/netns, and the state's lock: a Netwright has changed something
    docker.py     the Docker Engine's events

Two threads, which do nothing but listen: one for the kernel and the folders, one for Docker. They tell whoever opened the Listener,
a batch of notices at a time.
"""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable, Iterable, Sequence

from netwright.backends.docker import DockerEngine
from netwright.backends.listening.docker import DockerEars
from netwright.backends.listening.folders import FolderEars
from netwright.backends.listening.kernel import KernelEars
from netwright.model.netns import NetnsRef
from netwright.model.notice import Notice

Tell = Callable[[Sequence[Notice]], None]
"""Called from the listening threads; must return soon and not raise."""


class Listener:
    """Hears what happens in the namespace of the thread that opens it, and in those that it is told to follow.

    Raises KernelError where the kernel gives no socket.
    """

    def __init__(self, tell: Tell, *, state_folder: str) -> None:
        self._tell = tell
        self._kernel = KernelEars()
        self._folders = FolderEars(state_folder)
        self._docker: DockerEars | None = None
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._listen, name="netwright-listen", daemon=True)
        self._thread.start()

    def follow(self, namespaces: Iterable[NetnsRef], *, docker: bool) -> frozenset[NetnsRef]:
        """From now on hear these namespaces as well, and (`docker`) the Docker Engine. Names are looked up anew each time.

        Those that were not heard before; also a new one under the name of an old one. Nothing is kept open in them: a namespace that
        is followed can go. Raises KernelError.
        """
        self._folders.look_again()
        new = self._kernel.follow(namespaces)
        if docker and self._docker is None:
            self._docker = DockerEars(self._tell, DockerEngine().url)
        if not docker and self._docker is not None:
            ears, self._docker = self._docker, None
            ears.close()
        return new

    def close(self) -> None:
        """Returns when no notice will be told any more."""
        os.write(self._waker, b"x")
        self._thread.join()
        if self._docker is not None:
            self._docker.close()
        self._kernel.close()
        self._folders.close()
        os.close(self._wake)
        os.close(self._waker)

    def _listen(self) -> None:
        sources = {**self._kernel.sources(), **self._folders.sources()}
        with select.epoll() as waiting:
            for descriptor in (self._wake, *sources):
                waiting.register(descriptor, select.EPOLLIN)
            while True:
                ready = [descriptor for descriptor, _ in waiting.poll()]
                if self._wake in ready:
                    return
                found = [notice for descriptor in ready for notice in sources[descriptor]()]
                if found:
                    self._tell(found)
