"""The feeds with short timeouts, for the tests that wait for them."""

from jero import StreamPolicy
from tests.servers.feeds import Feeds
from tests.servers.wrapped import Included

GRACE = 0.05
DRAIN_TIMEOUT = 0.7
SEND_TIMEOUT = 0.7

to_drain = Feeds(stream_policy=StreamPolicy(first_item_grace=GRACE, drain_timeout=DRAIN_TIMEOUT))
to_send = Feeds(stream_policy=StreamPolicy(first_item_grace=GRACE, send_timeout=SEND_TIMEOUT))
included_to_send = Included(stream_policy=StreamPolicy(first_item_grace=GRACE, send_timeout=SEND_TIMEOUT))
