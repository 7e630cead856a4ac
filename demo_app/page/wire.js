// Shows the bytes of an answer as they come, in the format that the reader chooses.
//
// This is one more client of the same answer, with a `fetch` of its own: an EventSource hides the bytes.

import { faultOf } from "./problems.js";

const MOST_PIECES = 400;

export class Wire {
  #bytes = document.getElementById("bytes");
  #received = document.getElementById("received");
  #format = document.getElementById("format");
  #id = null;
  #reading = new AbortController();

  constructor() {
    this.#format.addEventListener("change", () => this.#id && this.show(this.#id));
  }

  /** Shows the bytes of this answer from the first one on. */
  async show(id) {
    this.#id = id;
    this.#reading.abort();
    const reading = new AbortController();
    this.#reading = reading;
    this.#bytes.replaceChildren();
    const note = (words) => reading.signal.aborted || (this.#received.textContent = words);
    let count = 0;
    let pieces = 0;
    const figures = () => `${count.toLocaleString()} bytes in ${pieces} ${pieces === 1 ? "piece" : "pieces"}`;
    note("Waiting for the first byte.");
    try {
      const headers = { Accept: this.#format.value };
      const response = await fetch(`questions/${encodeURIComponent(id)}`, { headers, signal: reading.signal });
      if (!response.ok) return note(await faultOf(response));
      const decoder = new TextDecoder();
      for await (const piece of piecesOf(response.body)) {
        count += piece.length;
        pieces++;
        this.#add(decoder.decode(piece, { stream: true }));
        note(`${figures()} so far.`);
      }
      note(`${figures()}. The response is complete.`);
    } catch {
      note(`${figures()}. The response was cut short.`);
    }
  }

  #add(text) {
    const isAtEnd = this.#bytes.scrollTop + this.#bytes.clientHeight >= this.#bytes.scrollHeight - 4;
    const piece = document.createElement("span");
    piece.textContent = text;
    this.#bytes.append(piece);
    if (this.#bytes.childElementCount > MOST_PIECES) this.#bytes.firstElementChild.remove();
    if (isAtEnd) this.#bytes.scrollTop = this.#bytes.scrollHeight;
  }
}

/** Yields the pieces of a body as the browser has them. Not every browser can iterate over a body by itself. */
async function* piecesOf(body) {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}
