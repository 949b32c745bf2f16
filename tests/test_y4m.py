"""Videos in Y4M: every layout there and back through the command, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import chunks_of

import sofc
from sofc.cli.__main__ import main
from sofc.container.walker import frame_chunk
from sofc.errors import SofcError
from sofc.imagefiles import y4m

LAYOUTS = {
    "": (1.5, 8),
    "C420jpeg": (1.5, 8),
    "C420paldv": (1.5, 8),
    "C420mpeg2 XYSCSS=420MPEG2": (1.5, 8),
    "C420p10": (1.5, 10),
    "C422": (2, 8),
    "C422p12": (2, 12),
    "C411": (1.5, 8),
    "C444": (3, 8),
    "C444p16": (3, 16),
    "C444alpha": (4, 8),
    "Cmono": (1, 8),
    "Cmono9": (1, 9),
}


def video(layout: str, width: int = 32, height: int = 18, frames: int = 4) -> bytes:
    """Frames that move, as a video program writes them."""
    share, bits = LAYOUTS[layout]
    random = np.random.default_rng(1)
    scene = random.integers(0, 1 << bits, int(width * height * share))
    data = f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1{' ' if layout else ''}{layout}\n".encode()
    for frame in range(frames):
        samples = np.roll(scene, frame)
        data += b"FRAME\n" + samples.astype("u1" if bits == 8 else "<u2").tobytes()
    return data


@pytest.mark.parametrize("layout", LAYOUTS)
def test_videos_come_back(layout: str, tmp_path: Path) -> None:
    data = video(layout)
    (tmp_path / "a.y4m").write_bytes(data)
    assert main(["encode", "-q", "-e1", str(tmp_path / "a.y4m")]) == 0
    assert main(["decode", "-q", str(tmp_path / "a.sofc"), "-o", str(tmp_path / "back.y4m")]) == 0
    assert (tmp_path / "back.y4m").read_bytes() == data
    out = ["--out-dir", str(tmp_path / "out")]
    assert main(["decode", "-q", "--format", "y4m", str(tmp_path / "a.sofc"), *out]) == 0
    assert (tmp_path / "out" / "a.y4m").read_bytes() == data


def test_odd_sizes(tmp_path: Path) -> None:
    """Chroma is rounded up."""
    luma, chroma = bytes(range(35)), bytes(range(100, 112))
    data = b"YUV4MPEG2 W7 H5\nFRAME\n" + luma + chroma + chroma
    (tmp_path / "a.y4m").write_bytes(data)
    assert y4m.count(tmp_path / "a.y4m") == 3
    assert y4m.load(tmp_path / "a.y4m", 2).array.tobytes() == chroma
    assert y4m.load(tmp_path / "a.y4m", 2).array.shape == (3, 4)


def test_large_frames_and_pipes(tmp_path: Path) -> None:
    """Frames that are coded in bands, from standard input to standard output."""
    data = video("C444", 900, 400, 2)
    command = [sys.executable, "-m", "sofc"]
    coded = subprocess.run([*command, "encode", "-q", "-e1", "-"], input=data, capture_output=True, check=True).stdout
    back = [*command, "decode", "-q", "--format", "y4m", "-", "-o", "-"]
    assert subprocess.run(back, input=coded, capture_output=True, check=True).stdout == data
    assert len(sofc.decode_images(coded)) == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"YUV4MPEG2 W7\nFRAME\n", "first line"),
        (b"YUV4MPEG2 W7 H5 C440\nFRAME\n", "colours 440"),
        (b"YUV4MPEG2 W7 H5 C420p17\n", "colours"),
        (b"YUV4MPEG2 W7 H5 Cmono\nFRAME\n" + bytes(34), "ends inside frame 0"),
        (b"YUV4MPEG2 W7 H5 Cmono\nFRAME\n" + bytes(35) + b"FRAME I\n" + bytes(33), "parameters of its own"),
        (b"YUV4MPEG2 W7 H5 Cmono\nFRAME Ip\n" + bytes(32), "parameters of its own"),
        (b"YUV4MPEG2 W7 H5 Cmono\nNOTHIN" + bytes(35), "no frame"),
        (b"YUV4MPEG2 W4294967296 H4294967296\nFRAME\n" + bytes(12), "ends inside frame 0"),
        (b"YUV4MPEG2 W2 H1 Cmono10\nFRAME\n\0\0\0\4", "more than the 10 bits"),
    ],
)
def test_refusals(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "a.y4m").write_bytes(data)
    with pytest.raises(SofcError, match=words):
        for index in range(y4m.count(tmp_path / "a.y4m")):
            y4m.load(tmp_path / "a.y4m", index)


def test_what_is_no_video_is_not_written_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.sofc").write_bytes(sofc.encode(np.zeros((4, 5), np.uint8)))
    assert main(["decode", str(tmp_path / "a.sofc"), "-o", str(tmp_path / "a.y4m")]) != 0
    assert "no head of a video" in capsys.readouterr().err
    assert not (tmp_path / "a.y4m").exists()


@pytest.mark.parametrize("layout", ["Cmono", "C420jpeg"])
@pytest.mark.parametrize("share", [0.369, 0.95])
@pytest.mark.parametrize("is_cut", [False, True])
def test_frames_are_salvaged(layout: str, share: float, is_cut: bool, tmp_path: Path) -> None:
    """What is lost of a frame is zero, and the other frames are where they belong: no plane takes another's place."""
    head = b"YUV4MPEG2 W200 H180 " + layout.encode() + b"\n"
    random = np.random.default_rng(2)
    frames = [random.integers(1, 256, int(200 * 180 * LAYOUTS[layout][0]), np.uint8).tobytes() for _ in range(8)]
    (tmp_path / "a.y4m").write_bytes(head + b"".join(b"FRAME\n" + frame for frame in frames))
    assert main(["encode", "-q", "-e1", "--band-rows", "32", str(tmp_path / "a.y4m")]) == 0
    coded = bytearray((tmp_path / "a.sofc").read_bytes())
    damage = int(len(coded) * share)
    coded[damage] ^= 0x40
    (tmp_path / "a.sofc").write_bytes(coded[:damage] if is_cut else coded)
    out = tmp_path / "back.y4m"
    assert main(["decode", "-q", "--salvage", str(tmp_path / "a.sofc"), "-o", str(out)]) == 3
    found_head, *found = out.read_bytes().split(b"FRAME\n")
    assert found_head == head and {*map(len, found)} == {len(frames[0])}
    as_they_were = [frame for frame in found if frame in frames]
    assert as_they_were and len(found) - len(as_they_were) <= 2
    for frame in found:
        samples = np.frombuffer(frame, np.uint8)
        assert any(np.all((samples == np.frombuffer(whole, np.uint8)) | (samples == 0)) for whole in frames)


def test_a_frame_that_lost_its_end_is_salvaged(tmp_path: Path) -> None:
    """The rows of the next one do not run into it."""
    random = np.random.default_rng(2)
    frames = [random.integers(1, 256, 200 * 180, np.uint8).tobytes() for _ in range(3)]
    data = b"YUV4MPEG2 W200 H180 Cmono\n" + b"".join(b"FRAME\n" + frame for frame in frames)
    (tmp_path / "a.y4m").write_bytes(data)
    assert main(["encode", "-q", "-e1", "--band-rows", "32", str(tmp_path / "a.y4m")]) == 0
    coded = bytearray((tmp_path / "a.sofc").read_bytes())
    end = next(body for kind, body in chunks_of(bytes(coded)) if kind == b"E")
    coded[coded.index(frame_chunk(b"E", end))] ^= 0x01
    (tmp_path / "a.sofc").write_bytes(coded)
    assert main(["decode", "-q", "--salvage", str(tmp_path / "a.sofc"), "-o", str(tmp_path / "back.y4m")]) == 3
    assert (tmp_path / "back.y4m").read_bytes() == data


def test_with_a_video_program(tmp_path: Path) -> None:
    """FFmpeg itself, where it is there."""
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=1", "-pix_fmt", "yuv420p"]
    made = subprocess.run([ffmpeg, *source, "-f", "yuv4mpegpipe", "-"], capture_output=True, check=True).stdout
    (tmp_path / "a.y4m").write_bytes(made)
    assert main(["encode", "-q", str(tmp_path / "a.y4m")]) == 0
    assert main(["decode", "-q", str(tmp_path / "a.sofc"), "-o", str(tmp_path / "b.y4m")]) == 0
    assert (tmp_path / "b.y4m").read_bytes() == made
    rgb = [ffmpeg, "-i", str(tmp_path / "b.y4m"), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    assert len(subprocess.run(rgb, capture_output=True, check=True).stdout) == 5 * 64 * 48 * 3
