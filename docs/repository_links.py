"""A hook of mkdocs: links that lead out of docs/ work where the repository is read, and are plain text on the site."""

import re
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError

LINK = re.compile(r"\[([^\]]+)\]\((\.\./[^)#]+)(?:#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page without such links; one to a file that is not there ends the build."""
    source = Path(page.file.abs_src_path)

    def text(link: re.Match[str]) -> str:
        target = (source.parent / link[2]).resolve()
        if not target.exists():
            raise PluginError(f"{source.name} links to {link[2]}, which is not there")
        return link[0] if target.is_relative_to(source.parents[len(Path(page.file.src_uri).parts) - 1]) else link[1]

    return LINK.sub(text, markdown)
