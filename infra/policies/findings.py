"""What a rule has to say."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One violation: where it is, which rule says so, and why it matters."""

    where: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.rule}]"
