"""Weekly carbon dioxide in the air, forecast half a year ahead."""

from ostinato.demos.series import series_demo

DEMO = series_demo("co2", {"horizon": 26, "window": 208, "segment": 13, "hidden_size": 32, "calendar": False})
