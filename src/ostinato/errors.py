"""What goes wrong with a user's input, said in one line."""


class OstinatoError(ValueError):
    """Bad input: the message says what is wrong, where, and how to mend it. The command line exits with 2."""
