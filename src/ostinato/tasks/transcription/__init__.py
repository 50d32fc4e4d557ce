"""What a Transcriber is made of."""
