"""Files and tables -> checked records -> batches."""

from ostinato.data.audio import AudioSpec, Recordings
from ostinato.data.audio_checks import read_recordings
from ostinato.data.batches import AugmentedBatches, BucketBatches, IndexBatches, StreamBatches
from ostinato.data.calendar import calendar_features
from ostinato.data.clip import Clip
from ostinato.data.conll import ConllColumns, read_conll, write_conll
from ostinato.data.corpus import Corpus, Passage
from ostinato.data.dialogues import Dialogues
from ostinato.data.file_format import FileFormat
from ostinato.data.frequency import Frequency
from ostinato.data.grammar import Grammar, Request
from ostinato.data.labelled import LabelledSequences, LabelledSpec
from ostinato.data.labelled_files import read_labelled
from ostinato.data.leakage import check_leakage
from ostinato.data.ngrams import NgramModel
from ostinato.data.panel import Panel
from ostinato.data.spec import PanelColumns, PanelSpec
from ostinato.data.table import Table, read_table
from ostinato.data.tagged import StepColumns, TaggedSequences
from ostinato.data.tagged_steps import read_steps
from ostinato.data.text import Text
from ostinato.data.tokenizers import Tokenizer
from ostinato.data.voice import Voice, speak
from ostinato.data.windows import WindowBatch, Windows

__all__ = [
    "AudioSpec",
    "AugmentedBatches",
    "BucketBatches",
    "Clip",
    "ConllColumns",
    "Corpus",
    "Dialogues",
    "FileFormat",
    "Frequency",
    "Grammar",
    "IndexBatches",
    "LabelledSequences",
    "LabelledSpec",
    "NgramModel",
    "Panel",
    "PanelColumns",
    "PanelSpec",
    "Passage",
    "Recordings",
    "Request",
    "StepColumns",
    "StreamBatches",
    "Table",
    "TaggedSequences",
    "Text",
    "Tokenizer",
    "Voice",
    "WindowBatch",
    "Windows",
    "calendar_features",
    "check_leakage",
    "read_conll",
    "read_labelled",
    "read_recordings",
    "read_steps",
    "read_table",
    "speak",
    "write_conll",
]
