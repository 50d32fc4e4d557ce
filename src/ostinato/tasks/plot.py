"""Figures as files."""

from pathlib import Path

from matplotlib.figure import Figure

from ostinato.errors import OstinatoError


def save_plot(figure: Figure, path: str | Path) -> None:
    """Writes a figure as a PNG file.

    Raises:
        OstinatoError: The file cannot be written, or its name does not end in .png.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise OstinatoError(f"plot {path}: the file name must end in .png")
    try:
        figure.savefig(path, format="png", dpi=150)
    except OSError as error:
        raise OstinatoError(f"plot {path}: cannot be written: {error.strerror}") from error
