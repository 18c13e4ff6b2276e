"""Errors the pipeline raises on purpose. Each is one sentence a person can act on."""


class RevenueError(Exception):
    """Base of every error of ours. The command line prints it as one line, without a traceback.

    `exit_code` is what the `revenue` command returns: 1 by default, 2 when a whole file is refused.
    """

    exit_code = 1


class ConfigurationError(RevenueError):
    """The installation or its settings cannot work as they are."""


class ServerError(RevenueError):
    """The embedded PostgreSQL server could not be started, stopped or reached."""


class MigrationError(RevenueError):
    """A migration failed, or an applied migration file was changed afterwards."""


class MoneyError(RevenueError):
    """An amount is not exact, not finite, too large or too fine for its currency."""


class UnknownCurrencyError(MoneyError):
    """A currency code that ISO 4217 (or the provider) does not list."""


class FileRefusedError(RevenueError):
    """A whole file was refused; nothing of it was added.

    `row` is the line in the file (header = 1) or None where the file as a whole is at fault.
    """

    exit_code = 2

    def __init__(self, file: str, row: int | None, reason: str) -> None:
        self.file = file
        self.row = row
        self.reason = reason
        place = file if row is None else f"{file}, row {row}"
        super().__init__(f"{place}: {reason}")

    def __reduce__(self) -> tuple[type["FileRefusedError"], tuple[str, int | None, str]]:
        # The default would rebuild it from the message alone and fail between processes.
        return (type(self), (self.file, self.row, self.reason))
