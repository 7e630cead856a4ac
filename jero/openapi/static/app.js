// Reads the document, lists its operations, and shows the operation that the page's address names.

import { ApiDocument } from "./document.js";
import { element, prose } from "./elements.js";
import { OperationView, methodMark } from "./operation.js";

const [main, list, filter, menu] = ["main", "list", "filter", "menu"].map((id) => document.getElementById(id));
const links = new Map(); // operation key -> its links in the list, a link for each of its tags
const views = new Map(); // operation key -> its view, with its typed values and its run
const credentials = new Map();
let api = null;

async function read() {
  const address = document.querySelector("link[rel=service-desc]").href;
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    api = new ApiDocument(await response.json());
  } catch (error) {
    main.replaceChildren(
      element("p", { class: "end cut" }, `The document at ${address} cannot be read: ${error.message}`),
    );
    return;
  }
  document.getElementById("version").textContent = api.info.version ?? "";
  list.replaceChildren(...api.groups.map(groupView));
  show();
}

function groupView(group) {
  const entries = group.operations.map((operation) => {
    const link = element(
      "a",
      { href: `#${encodeURI(operation.key)}`, class: operation.isDeprecated ? "deprecated" : null },
      methodMark(operation.method),
      element("span", { class: "path" }, operation.path),
      operation.summary ? element("span", { class: "about" }, operation.summary) : null,
    );
    links.set(operation.key, [...(links.get(operation.key) ?? []), link]);
    return element(
      "li",
      { "data-words": `${operation.key} ${operation.method} ${operation.summary} ${group.name}`.toLowerCase() },
      link,
    );
  });
  return element("section", {}, element("h2", {}, group.name), element("ul", {}, ...entries));
}

/** Shows the operation that the address names, or the overview. */
function show() {
  const key = unescaped(location.hash.slice(1));
  if (key === "main") return; // the link that skips the list
  const operation = api.operations.find((each) => each.key === key);
  for (const [each, shown] of links) for (const link of shown) mark(link, "aria-current", each === key ? "page" : null);
  openMenu(false);
  main.replaceChildren(operation ? viewOf(operation).element : overview());
  document.title = [operation ? `${operation.method} ${operation.path}` : null, api.info.title]
    .filter(Boolean)
    .join(" – ");
  if (operation) main.querySelector("h1").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function unescaped(text) {
  try {
    return decodeURI(text);
  } catch {
    return text;
  }
}

function mark(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else node.setAttribute(name, value);
}

function viewOf(operation) {
  if (!views.has(operation.key)) {
    const root = document.querySelector("link[rel=index]").href;
    const onRunning = (isRunning) => {
      for (const link of links.get(operation.key)) mark(link, "data-running", isRunning ? "" : null);
    };
    views.set(operation.key, new OperationView(api, operation, { credentials, root, onRunning }));
  }
  const view = views.get(operation.key);
  view.refresh();
  return view;
}

function overview() {
  const { info, groups, operations } = api;
  return element(
    "article",
    { class: "overview" },
    element("h1", { tabindex: "-1" }, info.title ?? "", " ", element("span", { class: "quiet" }, info.version ?? "")),
    info.summary ? element("p", { class: "summary" }, info.summary) : null,
    prose(info.description),
    element("p", { class: "quiet" }, `${operations.length} operations.`),
    ...groups.map((group) =>
      element("section", {}, element("h2", {}, group.name), prose(group.description), ...group.operations.map(entry)),
    ),
  );
}

function entry(operation) {
  const path = element("span", { class: "path" }, operation.path);
  const about = element("span", { class: "about" }, operation.summary);
  return element(
    "a",
    { class: "entry", href: `#${encodeURI(operation.key)}` },
    methodMark(operation.method),
    path,
    about,
  );
}

function openMenu(isOpen) {
  document.body.classList.toggle("menu-open", isOpen);
  menu.setAttribute("aria-expanded", String(isOpen));
}

/** Hides operations that do not contain every typed word. */
function narrow() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let matches = 0;
  for (const line of list.querySelectorAll("li")) {
    line.hidden = !words.every((word) => line.dataset.words.includes(word));
    matches += !line.hidden;
  }
  for (const section of list.children) section.hidden = !section.querySelector("li:not([hidden])");
  document.getElementById("nothing").hidden = matches > 0;
}

/** Moves through the list with the arrow keys, starting at the filter. Escape returns to the filter. */
function moveInList(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Escape" && event.target !== filter) filter.focus();
  if (event.key === "Enter" && event.target === filter) list.querySelector("li:not([hidden]) a")?.click();
  if (!step) return;
  const shown = [filter, ...list.querySelectorAll("li:not([hidden]) a")];
  const next = shown[shown.indexOf(document.activeElement) + step];
  if (next) {
    event.preventDefault();
    next.focus();
  }
}

function isTyping(target) {
  return target.matches("input, textarea, select");
}

filter.addEventListener("input", narrow);
document.getElementById("operations").addEventListener("keydown", moveInList);
menu.addEventListener("click", () => openMenu(menu.getAttribute("aria-expanded") !== "true"));
window.addEventListener("hashchange", show);
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || isTyping(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  openMenu(true);
  filter.focus();
});
await read();
