"""Machine-readable outcomes of a fit or of a score; the only place that names them."""

from enum import StrEnum


class Status(StrEnum):
    """Say whether a model may be used, and if not, why not."""

    OK = "ok"
    TOO_FEW = "too_few"
    """Too few customers, repeat buyers or distinct histories for the number of parameters."""
    NO_REPEATERS = "no_repeaters"
    """Nobody bought twice: neither rates nor dropout can be told."""
    DROPOUT_UNIDENTIFIED = "dropout_unidentified"
    """The data are as likely without any dropout: probability alive cannot be told."""
    NOT_CONVERGED = "not_converged"
    OUTPERFORMED = "outperformed"
    """Dropout can be told, but a forecast without it had the smaller error in the backtest."""
    SPEND_UNIDENTIFIED = "spend_unidentified"
    """Spend does not vary, too few repeat buyers have one, or its fitted mean is not finite."""
    SPEND_CORRELATED = "spend_correlated"
    """Spend depends on frequency, against the assumption of Gamma-Gamma; scores are still used."""
    INVALID_HISTORY = "invalid_history"
    """This customer's history contradicts itself; scored as an old one-time buyer."""
