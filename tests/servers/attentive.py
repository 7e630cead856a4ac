"""The feeds in an application that looks often whether clients have left, so that tests need not wait."""

from jero.dispatch import departures
from tests.servers.feeds import Feeds

setattr(departures, "LOOK_SECONDS", 0.5)  # noqa: B010 - a constant, which type checkers do not let others set

app = Feeds()
