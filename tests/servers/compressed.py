"""The feeds behind Starlette's GZip middleware: with its defaults, and with every media type compressed."""

from starlette.middleware.gzip import GZipMiddleware

from tests.servers.feeds import Feeds

with_defaults = GZipMiddleware(Feeds(), minimum_size=0)
all_types = GZipMiddleware(Feeds(), minimum_size=0, exclude_content_types=())
