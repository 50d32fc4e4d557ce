"""The parts of transcribing: how wrong a text is."""
