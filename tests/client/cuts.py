"""Every way of cutting bytes into the chunks that a network may make of them."""

from itertools import pairwise

from hypothesis import strategies as st


@st.composite
def chunks(draw: st.DrawFn, text: st.SearchStrategy[bytes]) -> list[bytes]:
    """The bytes of `text`, cut anywhere, empty chunks included."""
    whole = draw(text)
    inner = draw(st.lists(st.integers(0, len(whole)), max_size=len(whole) + 2))
    return [whole[start:end] for start, end in pairwise([0, *sorted(inner), len(whole)])]
