"""Texts in, texts out: what tasks with an encoder and a decoder share."""
