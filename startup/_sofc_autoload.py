"""Lets imageio know of sofc as soon as imageio is imported.

The wheel puts this module beside the package, together with ``sofc.pth`` and ``sofc.start`` (for Python 3.15), which
call ``install`` whenever an interpreter starts: imageio has neither entry points nor a folder where it would look
for plugins of other packages.

So this imports nothing before imageio is imported, and not sofc either, of which a program may bring along its own.
It keeps quiet whatever goes wrong: the worst that can come of it is that imageio does not know ``.sofc``.
"""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

CONFIG = "imageio.config"
VARIABLE = "SOFC_NO_AUTOLOAD"
"""Environment variable: where it is set to anything, nothing is done."""


def install() -> None:
    """Register the plugin now where imageio is loaded, otherwise once it is. Raises nothing."""
    try:
        if os.environ.get(VARIABLE):
            return
        config = sys.modules.get(CONFIG)
        if config is not None:
            register(config)
        elif not any(isinstance(finder, Finder) for finder in sys.meta_path):
            # This comes more than once where one folder of packages has two names (lib and lib64).
            sys.meta_path.insert(0, Finder())
    except Exception:
        pass


def register(config: "ModuleType") -> None:
    """Have sofc enter its plugin into the tables of ``imageio.config``. Raises nothing."""
    try:
        from sofc.plugins import register_with_imageio

        register_with_imageio(config)
    except Exception:
        pass


class Finder:
    """Finds ``imageio.config`` where the finders behind it do, and has it loaded by ``Loader``. Knows nothing else.

    It stays in ``sys.meta_path``, which must not change while an import may be going through it.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        if name != CONFIG:
            return None
        try:
            # Only those behind it: two copies of this class must not ask each other in turn.
            for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
                find = getattr(finder, "find_spec", None)
                spec = find(name, path, target) if find is not None else None
                if spec is not None:
                    if hasattr(spec.loader, "exec_module"):
                        spec.loader = Loader(spec.loader)
                    return spec  # type: ignore[no-any-return]
        except Exception:
            pass
        return None


class Loader:
    """Loads a module as ``loader`` does, then registers the plugin with it."""

    def __init__(self, loader: object) -> None:
        self.loader: Any = loader

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        return self.loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: "ModuleType") -> None:
        # The module must not look as if it came from here.
        if module.__spec__ is not None:
            module.__spec__.loader = self.loader
        module.__loader__ = self.loader
        self.loader.exec_module(module)
        register(module)
