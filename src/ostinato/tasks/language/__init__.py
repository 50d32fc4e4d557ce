"""The parts of the LanguageModel."""
