"""Settings that are known to work, by name."""

from typing import Any

DEMOS: dict[str, dict[str, Any]] = {"tags": {"cell": "lstm", "hidden_size": 48, "epochs": 12}}
"""The SequenceTagger's settings for the sentences of the demonstration."""

BENCHMARKS: dict[str, dict[str, Any]] = {
    "python_names": {"cell": "lstm", "hidden_size": 64, "batch_size": 8, "epochs": 10, "min_count": 2},
}
"""Settings for larger data, chosen on their validation parts."""
