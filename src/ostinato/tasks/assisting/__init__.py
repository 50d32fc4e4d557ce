"""The parts of an `ostinato.Assistant`."""
