"""What goes wrong with a user's input, said in one line."""


class OstinatoError(ValueError):
    """Bad input: the message says what is wrong, where, and how to mend it. The command line exits with 2.

    Example:
        >>> from ostinato import Forecaster, OstinatoError
        >>> try:
        ...     Forecaster(horizon=0)
        ... except OstinatoError as error:
        ...     print(error)
        Forecaster: horizon = 0: Input should be greater than or equal to 1
    """
