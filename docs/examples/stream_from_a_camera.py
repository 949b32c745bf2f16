"""Send the lines of a camera while they come, and look at them at the other end while they arrive.

    python stream_from_a_camera.py

A line-scan camera gives rows without an end, so the height of the image is not known when it begins. Neither side
ever holds more than one band of rows.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

import sofc

WIDTH, LINES_A_CALL, CALLS = 1024, 16, 20
HEADER = sofc.ImageHeader(WIDTH, None, sofc.PixelFormat(1, 12, 12, meaning=sofc.Meaning.GRAY))


def camera() -> Iterator[npt.NDArray[np.uint16]]:
    """Some lines at a time, of 12 bits."""
    random = np.random.default_rng(7)
    for call in range(CALLS):
        ramp = np.arange(WIDTH) + 20 * call
        yield (ramp + random.integers(0, 8, (LINES_A_CALL, WIDTH))).astype(np.uint16)


def send(connection: socket.socket) -> None:
    """Encode what the camera gives, and send bytes as soon as there are some."""
    encoder = sofc.Encoder(HEADER, band_rows=64)
    with connection:
        for lines in camera():
            connection.sendall(encoder.write(lines))
        connection.sendall(encoder.finish())


def receive(connection: socket.socket) -> int:
    """Decode whatever arrives, however it is cut; give the number of rows."""
    decoder = sofc.Decoder()
    rows = 0
    while data := connection.recv(1 << 16):
        decoder.feed(data)
        for event in decoder.events():
            if isinstance(event, sofc.HeaderReady):
                print(f"an image of width {event.header.width}, {event.header.format.declared_bits} bits")
            elif isinstance(event, sofc.BandReady):
                rows += len(event.band.rows)
                print(f"rows {event.band.y} to {rows - 1}, mean {event.band.rows.mean():.1f}")
            elif isinstance(event, sofc.ImageEnded):
                print(f"the image has {event.height} rows; SHA-256 of its samples {event.digest.hex()[:16]}...")
    decoder.finish()  # raises TruncatedError where the camera was cut off
    return rows


def main() -> None:
    here, there = socket.socketpair()
    sender = threading.Thread(target=send, args=(there,))
    sender.start()
    with here:
        rows = receive(here)
    sender.join()
    assert rows == LINES_A_CALL * CALLS


if __name__ == "__main__":
    main()
