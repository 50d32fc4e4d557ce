"""The parts of the SequenceClassifier."""
