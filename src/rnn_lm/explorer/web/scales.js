// What the tabs share: elements, words as buttons, numbers as text and as colours. Orange is high or above 0, blue below:
// the two are told apart by eyes of every kind, and strength is told by lightness as well.
(function () {
"use strict";
const E = globalThis.Explorer;
const $ = id => document.getElementById(id);

// make("p", {class: "muted"}, "text", another element)
function make(kind, attributes = {}, ...children) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") && value !== null && value !== undefined) element.setAttribute(name, String(value));
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter(child => child !== "" && child !== null && child !== undefined));
  return element;
}

function drawn(kind, attributes = {}, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", kind);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text) element.textContent = text;
  return element;
}

// A label and a select; options are [value, text].
function chooser(id, label, options, change) {
  const select = make("select", {id, onchange: () => change(select.value)});
  select.append(...options.map(([value, text]) => make("option", {value}, text)));
  return make("div", {class: "setting"}, make("label", {for: id}, label), select);
}

function refill(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => make("option", {value}, text)));
  if (options.some(([value]) => String(value) === before)) select.value = before;
}

const shown = token => token === " " ? "␠" : token === "<eos>" ? "⏎" : token;
const spoken = token => token === " " ? "space" : token === "<eos>" ? "end of sentence" : token;
const percent = share => share <= 0 ? "0%" : share < 0.001 ? "<0.1%" : `${(100 * share).toFixed(1)}%`;
const whole = count => count.toLocaleString("en");
const signed = (value, places = 2) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(places)}`;

// Words as buttons in one stop of Tab: arrows, Home and End go on. `each(index)` gives what a word shows:
// {share: 0 to 1, low: below 0, note: under it, label: for a reader, unknown, nothing: no value}.
function words(into, tokens, {chosen = null, each, choose, breaks = true, name}) {
  const letters = tokens.length > 1 && tokens.every(token => [...token].length === 1 || token === "<eos>");
  into.className = `words${letters ? " letters" : ""}${into.dataset.small ? " small" : ""}`;
  into.setAttribute("role", "group");
  into.setAttribute("aria-label", name);
  const parts = [];
  tokens.forEach((token, index) => {
    const {share = 0, low = false, note, label = "", unknown = false, nothing = false, title} = each(index);
    const button = make("button", {type: "button", "data-index": index, tabindex: index === (chosen ?? 0) ? 0 : -1,
      "aria-pressed": index === chosen, "aria-label": `${spoken(token)}${unknown ? ", unknown" : ""}${label ? `, ${label}` : ""}`,
      class: `${unknown ? "unknown" : ""}${nothing ? " nothing" : ""}`, title: unknown ? "not in the vocabulary: read as <unk>" : title}, shown(token));
    button.style.setProperty("--share", Math.max(0, Math.min(1, share)).toFixed(3));
    if (low) button.style.setProperty("--tone", "var(--low)");
    if (note !== undefined) button.append(make("small", {}, note));
    parts.push(button);
    if (breaks && token === "<eos>") parts.push(make("span", {class: "break"}));
  });
  into.replaceChildren(...parts);
  into.onclick = event => {
    const button = event.target.closest("button");
    if (button) { press(into, Number(button.dataset.index)); choose(Number(button.dataset.index), event); }
  };
  into.onkeydown = event => {
    const buttons = [...into.querySelectorAll("button")], at = buttons.indexOf(document.activeElement);
    const to = {ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: buttons.length - 1}[event.key];
    if (to === undefined || at < 0) return;
    event.preventDefault();
    const next = buttons[Math.max(0, Math.min(buttons.length - 1, to))];
    next.focus();
    press(into, Number(next.dataset.index));
    choose(Number(next.dataset.index), event);
  };
}

function press(into, chosen) {
  for (const button of into.querySelectorAll("button")) {
    const pressed = Number(button.dataset.index) === chosen;
    button.setAttribute("aria-pressed", pressed);
    button.tabIndex = pressed ? 0 : -1;
  }
}

// Bars: items are {word, share, came, text}.
function bars(items, attributes = {}) {
  return make("ol", {class: "bars", ...attributes}, ...items.map(({word, share, came, text}) => {
    const item = make("li", {class: came ? "came" : null},
      make("span", {class: "word"}, shown(word), came ? make("span", {class: "spoken"}, " (the word that came)") : null),
      make("span", {class: "share"}, text ?? percent(share)));
    item.style.setProperty("--share", share.toFixed(4));
    return item;
  }));
}

function legend(kind, low, high, more = "") {
  return make("p", {class: "legend"}, low, make("i", {class: kind, "aria-hidden": "true"}), high, more ? `· ${more.trim()}` : null);
}

// 255 colours for values -127 to 127, as the numbers of an image's pixels; index value + 127.
function palette() {
  const style = getComputedStyle(document.documentElement);
  const numbers = name => style.getPropertyValue(name).split(",").map(Number);
  const paper = style.getPropertyValue("--paper").trim();
  const ground = [1, 3, 5].map(at => parseInt(paper.slice(at, at + 2), 16));
  const [high, low] = [numbers("--high"), numbers("--low")], out = new Uint32Array(255);
  for (let value = -127; value <= 127; value++) {
    const share = Math.abs(value) / 127, tone = value < 0 ? low : high;
    const [r, g, b] = ground.map((part, at) => Math.round(part + (tone[at] - part) * share));
    out[value + 127] = 0xff000000 | b << 16 | g << 8 | r;
  }
  return out;
}

Object.assign(E, {$, make, drawn, chooser, refill, shown, spoken, percent, whole, signed, words, press, bars, legend, palette});
})();
