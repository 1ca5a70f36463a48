"""The tour: real requests against the running platform, story by story, each with its proof from the records."""

from typing import Any

from tour import strangler, subscription


def tell(stack: dict[str, Any]) -> bool:
    """Tell all stories; true when every promise was kept."""
    return all([strangler.tell(stack), subscription.tell(stack)])
