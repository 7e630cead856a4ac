"""The feeds in an application that looks often whether clients have left, so that tests need not wait."""

from jero.dispatch import departures
from tests.servers.feeds import Feeds

departures.LOOK_SECONDS = 0.5  # type: ignore[misc]

app = Feeds()
