"""What an evaluation heard: its figures, and a closer look."""

from typing import NamedTuple

import numpy as np
from rich.text import Text

from ostinato.data.audio import Recordings
from ostinato.tasks.transcription.error_rates import confusions, error_rate, of_characters, of_words, plain_rate

LISTED = 5
"""Of the commonest confusions."""


class Heard(NamedTuple):
    """Recordings with their texts, and what was told of each.

    Attributes:
        recordings: With texts.
        told: One a recording.
        seconds: That it took, decoding of files included; 0 where nobody looked at the clock.
    """

    recordings: Recordings
    told: tuple[str, ...]
    seconds: float = 0.0

    def figures(self) -> dict[str, float]:
        """Word and character error rate, and the share of texts that are right throughout."""
        texts = self.recordings.require_texts()
        return {
            "wer": plain_rate(of_words(texts, self.told)),
            "cer": plain_rate(of_characters(texts, self.told)),
            "exact": float(np.mean([text == own for text, own in zip(texts, self.told, strict=True)])),
        }

    def details(self) -> Text:
        """How sure the word error rate is, what is heard for what most often, and the recording heard worst."""
        texts = self.recordings.require_texts()
        found = of_words(texts, self.told)
        speakers = [clip.speaker for clip in self.recordings.clips]
        rate = error_rate(found, speakers if all(speakers) else None)
        of = "speakers" if all(speakers) else "recordings"
        between = f"between {rate.low:.1%} and {rate.high:.1%} (95 % interval)"
        lines = [
            f"With other {of} the word error rate would lie {between}.",
            f"{rate.substitutions} words of {rate.length} are taken for others, {rate.deletions} missed, "
            f"{rate.insertions} added.",
        ]
        if pairs := confusions(found)[:LISTED]:
            listed = ", ".join(f"{_named(told)} for {_named(said)} ({count})" for (said, told), count in pairs)
            worst = int(np.argmax([each.errors for each in found]))
            lines.append(f"Heard most often: {listed}.")
            name = self.recordings.names[worst]
            lines.append(f"Worst: {name}, {texts[worst]!r} heard as {self.told[worst]!r}.")
        if self.seconds:
            sound = sum(clip.seconds for clip in self.recordings.clips)
            factor = self.seconds / sound
            lines.append(f"{sound:,.0f} seconds of sound took {self.seconds:,.1f}: a real-time factor of {factor:.3f}.")
        return Text("\n".join(lines))


def _named(word: object) -> str:
    return "nothing" if word is None else repr(word)
