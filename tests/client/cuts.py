"""Cuts bytes into chunks in every way that a network may."""

from itertools import pairwise

from hypothesis import strategies as st


@st.composite
def chunks(draw: st.DrawFn, text: st.SearchStrategy[bytes]) -> list[bytes]:
    """Cuts the bytes of `text` anywhere; chunks may be empty."""
    whole = draw(text)
    inner = draw(st.lists(st.integers(0, len(whole)), max_size=len(whole) + 2))
    return [whole[start:end] for start, end in pairwise([0, *sorted(inner), len(whole)])]
