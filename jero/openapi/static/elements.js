// Builds the DOM without parsing markup, so that text from a server never becomes an element.

/** Makes an element. `on…` attributes are listeners. `true` is an empty attribute; `false` and `null` are omitted. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

/** Makes a copy button that shows for a moment whether the browser allowed the copy. */
export function copyButton(text) {
  const button = element("button", { type: "button", class: "small" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}

const INDENTED = /^ {4}/;
const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?:\/\/[^)\s]+)\)/g;

/** Shows the CommonMark that docstrings use: paragraphs, lists, code blocks; `code`, **strong**, links. */
export function prose(text) {
  return element("div", { class: "prose" }, ...blocksOf(text ?? "").map((lines) => proseBlock(lines.join("\n"))));
}

/** Returns the blocks of lines. An empty line ends a block, unless the line is inside code. */
function blocksOf(text) {
  const blocks = [];
  let isFenced = false;
  let isNew = true;
  for (const line of text.split(/\r?\n/)) {
    const isFence = line.startsWith("```");
    if (line.trim() === "" && !isFenced) isNew = true;
    else if (isNew && INDENTED.test(line) && blocks.at(-1)?.every((each) => each === "" || INDENTED.test(each))) {
      blocks.at(-1).push("", line);
      isNew = false;
    } else {
      if (isNew || (isFence && !isFenced)) blocks.push([]);
      blocks.at(-1).push(line);
      isNew = isFence && isFenced;
    }
    if (isFence) isFenced = !isFenced;
  }
  return blocks;
}

function proseBlock(block) {
  if (/^```/.test(block)) return element("pre", {}, block.replace(/^```.*\n?/, "").replace(/\n?```\s*$/, ""));
  const lines = block.split("\n");
  if (lines.every((line) => /^ {4}|^$/.test(line))) {
    return element("pre", {}, lines.map((line) => line.slice(4)).join("\n"));
  }
  if (lines.every((line) => /^\s*[-*] |^\s{2}/.test(line))) {
    const entries = block.split(/^\s*[-*] /m).slice(1);
    return element("ul", {}, ...entries.map((entry) => element("li", {}, ...inline(entry.trim()))));
  }
  return element("p", {}, ...inline(block));
}

/** Returns the nodes of CommonMark's inline part: `code`, **strong**, links. */
export function inline(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    const [whole, code, strong, label, href] = match;
    parts.push(text.slice(end, match.index));
    if (code) parts.push(element("code", {}, code));
    else if (strong) parts.push(element("strong", {}, strong));
    else parts.push(element("a", { href, rel: "noreferrer", target: "_blank" }, label));
    end = match.index + whole.length;
  }
  return [...parts, text.slice(end)];
}

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const LONGEST_COLOURED = 200_000;

/** Shows JSON with coloured tokens. Longer text stays plain. */
export function json(text) {
  const shown = element("pre", { class: "json", tabindex: "0" });
  if (text.length > LONGEST_COLOURED) {
    shown.append(text);
    return shown;
  }
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    const [whole, string, colon] = match;
    const kind = string ? (colon ? "key" : "string") : "literal";
    shown.append(text.slice(end, match.index), element("span", { class: kind }, string ?? whole), colon ?? "");
    end = match.index + whole.length;
  }
  shown.append(text.slice(end));
  return shown;
}

/** Returns JSON indented, and other text unchanged. */
export function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
