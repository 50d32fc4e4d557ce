"""Figures as files."""

from pathlib import Path

from matplotlib.figure import Figure

from ostinato.errors import OstinatoError
from ostinato.storage import written_whole


def save_plot(figure: Figure, path: str | Path) -> None:
    """Writes a figure as a PNG file.

    Raises:
        OstinatoError: The file cannot be written, or its name does not end in .png.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise OstinatoError(f"plot {path}: the file name must end in .png")
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
