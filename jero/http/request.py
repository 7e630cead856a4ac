"""The request as a whole: a view of the server's scope, for what no Struct of parameters declares."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from jero.http.asgi import SPACE, Scope, missing_root, request_header, route_path

NO_SLOTS: Final[Mapping[str, str]] = MappingProxyType({})
_SAFE: Final = "/:@!$&'()*+,;=~-._"  # RFC 3986, section 3.3


class ClientAddress(NamedTuple):
    """The address of a client, as the server reports it. `port` is 0 if the server does not know it."""

    host: str
    port: int


class Headers(Mapping[str, str]):
    """The headers of a request, by their names, in whichever case a name is written.

    `headers[name]`: the lines of the header as one list, separated by a comma (RFC 9110, section 5.3), those of
    `Cookie` by a semicolon. `get_all` returns each line. Values are read as Latin-1, `Last-Event-ID` as UTF-8.
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Any) -> None:
        self._pairs = pairs

    def __getitem__(self, name: str) -> str:
        lines = self.get_all(name)
        if not lines:
            raise KeyError(name)
        return ("; " if name.lower() == "cookie" else ", ").join(lines)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.decode("latin-1") for name, _ in self._pairs))

    def __len__(self) -> int:
        return len({name for name, _ in self._pairs})

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"  # no values: they may be credentials

    def get_all(self, name: str) -> tuple[str, ...]:
        """Returns the value of each line of the header, in their order. Returns an empty tuple if it was not sent."""
        wanted = name.lower().encode("latin-1", "replace")
        return tuple(_text(wanted, value) for key, value in self._pairs if key == wanted)


class Request:
    """The request that is answered: a frozen view of what the server says of it.

    A handler, an authenticator, a dependency and an exception handler get it as their parameter `request: Request`.
    Each attribute is read from `scope` when it is used.
    """

    __slots__ = ("_path_slots", "_scope")

    def __init__(self, scope: Scope, path_slots: Mapping[str, str] = NO_SLOTS) -> None:
        self._scope = scope
        self._path_slots = path_slots

    @property
    def scope(self) -> Scope:
        """Returns the scope of the server (ASGI HTTP)."""
        return self._scope

    @property
    def method(self) -> str:
        """Returns the method, in upper case. It is `HEAD` if `get` answers a HEAD."""
        return str(self._scope["method"])

    @property
    def path(self) -> str:
        """Returns the path below the application's mount point, percent-decoded."""
        return route_path(self._scope)

    @property
    def path_slots(self) -> Mapping[str, str]:
        """Returns the texts that fill the slots of the path's template. It is empty if no route was found."""
        return MappingProxyType(self._path_slots)

    @property
    def url(self) -> str:
        """Returns the URL that was requested. Its host is the header `Host`, or else the server's own address.

        The client writes `Host`, and a proxy may change it: check it before you trust the URL.
        """
        scope = self._scope
        raw: bytes | None = scope.get("raw_path")
        path = quote(scope["path"], safe=_SAFE) if raw is None else raw.decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        return f"{self.scheme}://{self._host()}{quote(missing_root(scope))}{path}{'?' if query else ''}{query}"

    @property
    def scheme(self) -> str:
        """Returns "http" or "https", as the server knows it: behind a proxy it may be the proxy's."""
        return str(self._scope.get("scheme", "http"))

    @property
    def http_version(self) -> str:
        """Returns the version of HTTP: "1.0", "1.1", "2" or "3"."""
        return str(self._scope["http_version"])

    @property
    def headers(self) -> Headers:
        """Returns the headers."""
        return Headers(self._scope["headers"])

    @property
    def client(self) -> ClientAddress | None:
        """Returns the client's address as the server reports it. `None` if the server does not know it."""
        client = self._scope.get("client")
        return None if client is None else ClientAddress(str(client[0]), client[1] or 0)

    @property
    def state(self) -> Mapping[str, object]:
        """Returns what middleware and the lifespan have put into the scope's `state`."""
        state: Mapping[str, object] = self._scope.get("state") or {}
        return MappingProxyType(state)

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path!r})"

    def _host(self) -> str:
        sent = request_header(self._scope, b"host")
        if sent:
            return sent.strip(SPACE).decode("latin-1")
        host, port = self._scope.get("server") or ("localhost", None)
        host = f"[{host}]" if ":" in host else host
        return host if port in (None, 443 if self.scheme == "https" else 80) else f"{host}:{port}"


def _text(name: bytes, value: bytes) -> str:
    value = value.strip(SPACE)
    if name == b"last-event-id":
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")
    return value.decode("latin-1")
