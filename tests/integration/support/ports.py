"""Free ports for programs that cannot be asked which one they got."""
import fcntl
import os
import pathlib
import random
import socket
import tempfile

_held = []  # lock files: as long as this process lives, no other test gets the same port


def free_port():
    """A TCP port on 127.0.0.1 below the ephemeral range, so that no outgoing connection takes it meanwhile."""
    directory = pathlib.Path(tempfile.gettempdir()) / f"trunkline-test-ports-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    for _ in range(1000):
        port = random.randrange(12000, 32000)
        lock = open(directory / str(port), "w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            lock.close()
            continue
        _held.append(lock)
        return port
    raise RuntimeError("no free port found")
