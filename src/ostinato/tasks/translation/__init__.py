"""The rooms of the Translator."""
