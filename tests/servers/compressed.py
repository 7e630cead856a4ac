"""The feeds behind Starlette's GZip middleware, as it comes and with everything compressed."""

from starlette.middleware.gzip import GZipMiddleware

from tests.servers.feeds import Feeds

as_it_comes = GZipMiddleware(Feeds(), minimum_size=0)
all_types = GZipMiddleware(Feeds(), minimum_size=0, exclude_content_types=())
