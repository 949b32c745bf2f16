"""sofc inside other programs and libraries: each module serves one of them, and needs it installed.

``imageio``, ``numcodecs``, ``zarr`` and ``napari`` find theirs by themselves; Pillow takes ``import
sofc.plugins.pillow``.
"""

from __future__ import annotations

from typing import Any


def register_with_imageio(config: Any) -> None:
    """Enter the plugin, by name only, into the tables of the module ``imageio.config``. Doing so again is nothing."""
    if "sofc" in config.known_plugins:
        return
    plugin = config.PluginConfig(name="sofc", class_name="SofcPlugin", module_name="sofc.plugins.imageio")
    extension = config.FileExtension(name="SOFC", extension=".sofc", priority=["sofc"])
    # Bytes without a name are offered to all plugins in this order. Ours is the quickest to know its own.
    others = dict(config.known_plugins)
    config.known_plugins.clear()
    config.known_plugins.update({"sofc": plugin, **others})
    config.extension_list.append(extension)
    config.known_extensions.setdefault(".sofc", []).insert(0, extension)
