// Follows the notifications, shows the state of the connection, and posts messages.
//
// EventSource reconnects by itself, also to a server that was restarted, and names the last event that it has. So the
// server sends what was missed.

import { faultOf, timeOf } from "./problems.js";

const MOST_SHOWN = 20;
const RETRY_SECONDS = 2;
const SILENT_SECONDS = 5;
const PROCESS = /Process (\d+)/;

export function startNotifications() {
  new Notifications().listen();
}

class Notifications {
  #connection = document.getElementById("connection");
  #list = document.getElementById("notifications");
  #silence = document.getElementById("silence");
  #processes = document.getElementById("processes");
  #form = document.getElementById("post");
  #field = document.getElementById("message");
  #fault = document.getElementById("fault");
  #up = new Map(); // the line of each process, and the time of its last heartbeat

  constructor() {
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#post(this.#field.value);
    });
    setInterval(() => this.#forgetSilent(), 1000);
  }

  listen() {
    const source = new EventSource("notifications");
    source.addEventListener("open", () => this.#show("good", "Connected"));
    source.addEventListener("error", () => {
      this.#show("waiting", "Reconnecting");
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(() => this.listen(), RETRY_SECONDS * 1000); // it was refused, as while the server shuts down
    });
    source.addEventListener("heartbeat", (event) => this.#beat(JSON.parse(event.data).text));
    source.addEventListener("message", (event) => this.#add("message", JSON.parse(event.data)));
    source.addEventListener("answer", (event) => this.#add("answer", JSON.parse(event.data)));
    source.addEventListener("gap", () => this.#add("gap", { text: "Some are missing: they are not kept any more." }));
  }

  #beat(text) {
    const process = PROCESS.exec(text)?.[1] ?? text;
    const line = this.#up.get(process)?.line ?? this.#processes.appendChild(document.createElement("li"));
    line.textContent = text;
    this.#up.set(process, { line, at: Date.now() });
  }

  #forgetSilent() {
    for (const [process, { line, at }] of this.#up) {
      if (Date.now() - at < SILENT_SECONDS * 1000) continue;
      line.remove();
      this.#up.delete(process);
    }
  }

  #add(kind, { text, at }) {
    const time = document.createElement("time");
    time.textContent = timeOf(at ?? Date.now());
    const row = document.createElement("li");
    row.dataset.kind = kind;
    row.append(time, text);
    this.#silence.hidden = true;
    this.#list.prepend(row);
    while (this.#list.childElementCount > MOST_SHOWN) this.#list.lastElementChild.remove();
  }

  async #post(text) {
    const headers = { "Content-Type": "application/json" };
    const body = JSON.stringify({ text });
    const response = await fetch("notifications", { method: "POST", headers, body }).catch(() => null);
    const fault = response?.ok ? "" : response ? await faultOf(response) : "The server is not reached.";
    this.#fault.textContent = fault;
    this.#fault.hidden = !fault;
    if (!fault) this.#field.value = "";
  }

  #show(state, words) {
    if (this.#connection.textContent === words) return;
    this.#connection.dataset.state = state;
    this.#connection.textContent = words;
  }
}
