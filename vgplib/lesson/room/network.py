"""How others reach this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import socket


def local_address() -> str | None:
    """This machine's address in the local network; None where it is in none."""
    # Nothing is sent: asked for a way to an address that stands for none, the system says from
    # which of its own it would go.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))
            found = [asked.getsockname()[0]]
        except OSError:  # no way leads out, as with a hotspot of its own
            found = []
    with contextlib.suppress(OSError):
        found += socket.gethostbyname_ex(socket.gethostname())[2]
    return next((one for one in found if not ipaddress.ip_address(one).is_loopback), None)


def allow(connections: int) -> None:
    """Let this process hold so many at once, as far as the system does; macOS begins with 256."""
    try:
        import resource
    except ImportError:
        return  # Windows has no such limit
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = connections if hard == resource.RLIM_INFINITY else min(hard, connections)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
