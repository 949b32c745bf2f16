"""The manifest of napari and the reader it names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sofc
from sofc.plugins.napari import get_reader

GRAY = np.arange(48, dtype=np.uint16).reshape(6, 8)


def test_layers(tmp_path: Path) -> None:
    cube = np.zeros((4, 5, 7), np.uint8)
    colour = np.zeros((4, 5, 3), np.uint8)
    paths = []
    for name, image, settings in [
        ("gray", GRAY, {}),
        ("stack", np.stack([GRAY, GRAY]), {"batch": True}),
        ("cube", cube, {}),
        ("colour", colour, {"meaning": sofc.Meaning.RGB}),
    ]:
        paths.append(str(tmp_path / f"{name}.sofc"))
        sofc.write(paths[-1], image, **settings)
    reader = get_reader(paths)
    assert reader is not None
    layers = reader(paths)
    assert [(data.shape, attributes, kind) for data, attributes, kind in layers] == [
        ((6, 8), {"name": "gray"}, "image"),
        ((2, 6, 8), {"name": "stack"}, "image"),
        ((4, 5, 7), {"name": "cube", "channel_axis": -1}, "image"),
        ((4, 5, 3), {"name": "colour", "rgb": True}, "image"),
    ]
    mixed = tmp_path / "mixed.sofc"
    mixed.write_bytes(sofc.encode_images([GRAY, cube]))
    assert [attributes["name"] for _, attributes, _ in reader(str(mixed))] == ["mixed 0", "mixed 1"]
    (tmp_path / "other.sofc").write_bytes(b"II*\0")
    assert get_reader(str(tmp_path / "other.sofc")) is None


def test_the_plugin_engine_finds_the_reader(tmp_path: Path) -> None:
    pytest.importorskip("npe2", reason="needs npe2, the plugin engine of napari")
    sofc.write(tmp_path / "x.sofc", GRAY)
    code = """
import npe2
manager = npe2.PluginManager.instance()
manager.discover()
((array, attributes, kind),) = npe2.read(["x.sofc"], stack=False)
print(array.shape, attributes["name"], kind)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(6, 8) x image"
