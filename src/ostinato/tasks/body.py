"""The recurrent layers that a network of a verb reads with."""

from ostinato.nn import Recurrent
from ostinato.tasks.settings import NetworkSettings


def recurrent_body(
    settings: NetworkSettings,
    input_size: int,
    *,
    dropout: float,
    locked_dropout: bool = False,
    bidirectional: bool = False,
) -> Recurrent:
    """Layers as settings have them.

    Args:
        settings: The verb's.
        input_size: Features of a step.
        dropout: Probability of a zero between layers, in training.
        locked_dropout: Whether that takes one mask for all steps of a sequence.
        bidirectional: Whether a second direction reads from the end.
    """
    return Recurrent(
        settings.make_cell,
        input_size,
        settings.hidden_size,
        num_layers=settings.num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
        locked_dropout=locked_dropout,
        backend=settings.backend,
    )
