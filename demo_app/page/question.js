// Asks, follows the answer, and stops it.
//
// The id of an answer is in the address of the page, and its question in the entry of the history. So a reload, a
// bookmark, another window and the Back button all find the answer again, and read it from its first word.

import { Answer } from "./answer.js";
import { faultOf, sentence } from "./problems.js";

const RETRY_SECONDS = 1;
const ENDS = {
  completed: ["good", "Complete."],
  stopped: ["idle", "Stopped."],
  failed: ["bad", "Failed."],
  shutdown: ["bad", "Cut short: the server shut down."],
  lost: ["bad", "Lost: the process that asked the model has died."],
};
const LIMITS = {
  max_duration: "Ended: it took too long.",
  max_items: "Ended: it was too long.",
  max_bytes: "Ended: it was too long.",
};

/** `onAnswer` is called with the id of each answer that the page shows. */
export function startQuestions(onAnswer) {
  new Questions(onAnswer).resume();
}

class Questions {
  #form = document.getElementById("ask");
  #field = document.getElementById("question");
  #stop = document.getElementById("stop");
  #state = document.getElementById("state");
  #answer = new Answer();
  #onAnswer;
  #source = null;
  #turn = 0; // changes with each question, so that what belongs to an earlier one is noticed

  constructor(onAnswer) {
    this.#onAnswer = onAnswer;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#field.value.trim()) this.#ask(this.#field.value);
    });
    this.#field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#form.requestSubmit();
    });
    this.#stop.addEventListener("click", () => this.#cancel());
    addEventListener("popstate", () => this.resume());
  }

  /** Shows what the address and the history name: an answer, a question that is being asked, or nothing. */
  resume() {
    const id = location.hash.slice(1);
    const { question, key } = history.state ?? {};
    this.#leave();
    if (question) this.#field.value = question;
    if (id) this.#follow(id, question);
    else if (key) this.#begin(question, key);
  }

  #ask(question) {
    // The key names the question, so that repeating the request, also after a reload, asks once.
    history.pushState({ question, key: randomKey() }, "", location.pathname);
    this.resume();
  }

  async #begin(question, key) {
    const turn = this.#turn;
    this.#answer.begin(question);
    this.#show("busy", "Asking");
    const headers = { "Content-Type": "application/json", "Idempotency-Key": key, Prefer: "respond-async" };
    const body = JSON.stringify({ text: question });
    let response;
    while (!response) {
      try {
        response = await fetch("questions", { method: "POST", headers, body });
      } catch {
        this.#show("waiting", "The server is not reached. Trying again");
        await seconds(RETRY_SECONDS);
      }
      if (turn !== this.#turn) return;
    }
    if (!response.ok) {
      this.#end("bad", await faultOf(response));
      return;
    }
    const { id } = await response.json();
    if (turn !== this.#turn) return;
    history.replaceState({ question }, "", `#${id}`);
    this.#follow(id, question);
  }

  #follow(id, question) {
    this.#answer.begin(question);
    this.#show("busy", "Waiting for the first word");
    this.#stop.disabled = false;
    this.#onAnswer(id);
    const source = new EventSource(address(id));
    this.#source = source;
    source.addEventListener("message", (event) => {
      this.#show("busy", "Answering");
      this.#answer.add(JSON.parse(event.data).text);
    });
    source.addEventListener("end", (event) => {
      source.close();
      this.#ended(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      // The browser reconnects by itself, unless it was refused. Then it does not tell why.
      if (source.readyState === EventSource.CLOSED) this.#refused(id, question);
      else this.#show("waiting", "The connection is lost. Reconnecting");
    });
  }

  async #refused(id, question) {
    const turn = this.#turn;
    this.#show("waiting", "The server refuses. Asking why");
    await seconds(RETRY_SECONDS);
    const response = await fetch(address(id), { method: "HEAD" }).catch(() => null);
    if (turn !== this.#turn) return;
    if (response?.status === 404) this.#end("bad", "This answer is not kept any more.");
    else this.#follow(id, question);
  }

  #ended({ outcome, limit, problem }) {
    const [state, words] = ENDS[outcome] ?? ["bad", `Ended: ${outcome}.`];
    this.#end(state, LIMITS[limit] ?? (problem ? `Failed: ${sentence(problem)}` : words));
  }

  #end(state, words) {
    this.#leave();
    this.#answer.finish();
    this.#show(state, words);
  }

  async #cancel() {
    const turn = this.#turn;
    const response = await fetch(address(location.hash.slice(1)), { method: "DELETE" }).catch(() => null);
    // What follows is the event `end`.
    if (turn === this.#turn && !response?.ok) this.#show("waiting", "The server is not reached. Try again.");
  }

  /** Leaves the answer that was followed. It goes on. */
  #leave() {
    this.#turn++;
    this.#source?.close();
    this.#source = null;
    if (document.activeElement === this.#stop) this.#field.focus();
    this.#stop.disabled = true;
  }

  #show(state, words) {
    if (this.#state.textContent === words) return; // it would be read again
    this.#state.dataset.state = state;
    this.#state.textContent = words;
  }
}

function address(id) {
  return `questions/${encodeURIComponent(id)}`;
}

function randomKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function seconds(number) {
  return new Promise((resolve) => setTimeout(resolve, number * 1000));
}
