"""The parts of the SequenceTagger."""
