"""A hook of mkdocs: every public name of every room stands in the reference, or the build ends."""

from importlib import import_module
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError


def on_post_build(config: Any, **_: Any) -> None:
    """Looks for the names that the rooms export in the pages that were built."""
    built = "".join(page.read_text() for page in Path(config.site_dir, "api").glob("*/index.html"))
    # What `ostinato.tasks` has for users is imported from `ostinato`, and the command has no names for Python.
    folders = [init.parent.relative_to("src").parts for init in Path("src/ostinato").rglob("__init__.py")]
    for room in sorted(".".join(parts) for parts in folders if not {"tasks", "cli"} & set(parts)):
        for name in getattr(import_module(room), "__all__", ()):
            # A function in a module of its own name is found below that module.
            if not any(f'id="{room}.{path}"' in built for path in (name, f"{name}.{name}")):
                raise PluginError(f"{room}.{name} is not in the reference: name it in docs/api")
