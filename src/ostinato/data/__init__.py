"""Files and tables -> checked records -> batches."""

from ostinato.data.batches import BucketBatches, IndexBatches, StreamBatches
from ostinato.data.calendar import calendar_features
from ostinato.data.embedded import EMBEDDED, load_embedded
from ostinato.data.frequency import Frequency
from ostinato.data.leakage import check_leakage
from ostinato.data.panel import Panel
from ostinato.data.spec import PanelColumns, PanelSpec
from ostinato.data.table import Table, read_table
from ostinato.data.text import Text
from ostinato.data.units import Units
from ostinato.data.windows import WindowBatch, Windows

__all__ = [
    "EMBEDDED",
    "BucketBatches",
    "Frequency",
    "IndexBatches",
    "Panel",
    "PanelColumns",
    "PanelSpec",
    "StreamBatches",
    "Table",
    "Text",
    "Units",
    "WindowBatch",
    "Windows",
    "calendar_features",
    "check_leakage",
    "load_embedded",
    "read_table",
]
