"""Why data cannot be had."""


class DataMissing(RuntimeError):
    """The data is not there or not what it should be; the text says what to do."""


class UnknownDataSet(LookupError):
    """There is no data set of that name; the text names those that there are."""
