// Shows an answer as its words come.
//
// A live region that grew with each word would be read again and again, or in scraps. So a sentence moves to the live
// region when it is whole, and a screen reader reads it once. Until then its words are only for the eye.

const SENTENCE_END = /[.!?:…]["”’)\]]*\s+|\n+/g;

export class Answer {
  #spoken = document.getElementById("spoken");
  #coming = document.getElementById("coming");
  #empty = document.getElementById("empty");
  #asked = document.getElementById("asked");

  /** Begins an answer without words. `question`: as far as this window knows it. */
  begin(question) {
    this.#spoken.replaceChildren();
    this.#coming.textContent = "";
    this.#empty.hidden = true;
    this.#asked.hidden = !question;
    this.#asked.textContent = question ?? "";
  }

  add(text) {
    const whole = this.#coming.textContent + text;
    const end = [...whole.matchAll(SENTENCE_END)].reduce((_, found) => found.index + found[0].length, 0);
    this.#speak(whole.slice(0, end));
    this.#coming.textContent = whole.slice(end);
  }

  /** Shows that no more words come. */
  finish() {
    this.#speak(this.#coming.textContent);
    this.#coming.textContent = "";
  }

  #speak(text) {
    if (!text) return;
    const sentence = document.createElement("span");
    sentence.textContent = text;
    this.#spoken.append(sentence);
  }
}
