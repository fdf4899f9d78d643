// The page around the engine: what is typed is read token by token, and what was read before is not read again.
(function () {
"use strict";
const $ = id => document.getElementById(id);
const NEXT = 12, COLUMN = 14, SLICE_MS = 30;
let model, steps = [], chosen = null, run = 0, writing = false;
// steps[0] is <eos>, which stands before every text: {id, token, bits, at}, `at` what the engine gave after it.

function make(kind, text, attributes = {}) {
  const element = document.createElement(kind);
  if (text !== undefined) element.textContent = text;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

const shown = token => token === " " ? "␠" : token === "<eos>" ? "⏎ end" : token;
const spoken = token => token === " " ? "space" : token === "<eos>" ? "end of sentence" : token;
const percent = share => share < 0.001 ? "<0.1%" : `${(100 * share).toFixed(1)}%`;
const pause = () => new Promise(go => setTimeout(go));

function step(id, token) {
  const last = steps.at(-1), before = last && logProbabilitiesOf(last);
  const at = model.read(id, last ? last.at.state : model.start());
  steps.push({id, token, bits: last ? -before[id] / Math.LN2 : 0, expected: last ? model.best(before, 5) : [], at});
  if (last) last.at.logProbabilities = null;  // 8 bytes a word: only the latest are kept
}

function logProbabilitiesOf(each) {
  if (!each.at.logProbabilities) {
    const index = steps.indexOf(each);
    each.at.logProbabilities = model.read(each.id, index ? steps[index - 1].at.state : model.start()).logProbabilities;
  }
  return each.at.logProbabilities;
}

// Read the text in the box: only what is new, in slices, so that the page stays awake; a later call ends an earlier one.
async function read() {
  const mine = ++run, tokens = model.tokens($("text").value), ids = model.encode($("text").value);
  let same = 0;
  while (same < ids.length && steps[same + 1] && steps[same + 1].id === ids[same] && steps[same + 1].token === tokens[same]) same++;
  steps.length = same + 1;
  chosen = chosen !== null && chosen <= same ? chosen : null;
  let began = performance.now();
  for (let index = same; index < ids.length; index++) {
    step(ids[index], tokens[index]);
    if (performance.now() - began > SLICE_MS) {
      $("status").textContent = `reading: ${index + 1} of ${ids.length} tokens`;
      await pause();
      if (mine !== run) return false;
      began = performance.now();
    }
  }
  if (!writing) $("status").textContent = "";
  show();
  return true;
}

function show() {
  showNext();
  showRead();
  showUnits();
}

function showNext() {
  const best = model.best(logProbabilitiesOf(steps.at(-1)), NEXT);
  $("next").replaceChildren(...best.map(({id, word, logProbability}) => {
    const share = Math.exp(logProbability), item = make("li");
    const button = make("button", undefined, {type: "button", "aria-label": `${spoken(word)}, ${percent(share)}`});
    button.style.setProperty("--share", `${100 * share}%`);
    button.append(make("span", shown(word), {class: "word"}), make("span", percent(share), {class: "share"}));
    button.addEventListener("click", () => { append(id); read().then(() => $("next").querySelector("button").focus()); });
    item.append(button);
    return item;
  }));
}

// Put a token behind the text, as the spelling of what stands before it asks for.
function append(id) {
  const box = $("text"), joiner = model.joiner();
  const line = box.value.slice(box.value.lastIndexOf("\n") + 1);
  for (const token of model.tokens(line)) joiner.add(token);
  let more = joiner.add(model.words[id]);
  if (/\s$/u.test(line) && more.startsWith(" ")) more = more.slice(1);
  if (!more) more = (line && !/\s$/u.test(line) ? " " : "") + model.words[id];  // a quotation mark that the joiner holds
  box.value += more;
  box.scrollTop = box.scrollHeight;
}

function showRead() {
  const read = steps.slice(1);
  $("read").replaceChildren(...read.map((each, index) => {
    const known = each.id !== model.unk || each.token === "<unk>", item = make("li");
    const label = `${spoken(each.token)}${known ? "" : ", unknown,"} ${each.bits.toFixed(1)} bits`;
    const button = make("button", shown(each.token), {type: "button", "aria-label": label, "aria-pressed": index + 1 === chosen});
    if (!known) button.title = "not in the vocabulary: read as <unk>";
    button.style.setProperty("--bits", Math.min(each.bits, 16).toFixed(2));
    button.append(make("small", each.bits.toFixed(1) + (known ? "" : " ?")));
    button.addEventListener("click", () => {
      chosen = chosen === index + 1 ? null : index + 1;
      [...$("read").querySelectorAll("button")].forEach((other, number) => other.setAttribute("aria-pressed", number + 1 === chosen));
      showExpected();
      showUnits();
    });
    item.append(button);
    return item;
  }));
  const bits = read.reduce((sum, each) => sum + each.bits, 0);
  $("sum").textContent = read.length ? `${read.length} tokens, ${bits.toFixed(1)} bits, ${(bits / read.length).toFixed(2)} each: `
    + `perplexity ${(2 ** (bits / read.length)).toFixed(1)}` : "Nothing has been read yet: type above, or let it write.";
  showExpected();
}

function showExpected() {
  const each = steps[chosen];
  $("expected").textContent = chosen === null || !each ? "" : `Before “${shown(each.token)}” it expected: `
    + each.expected.map(({word, logProbability}) => `${shown(word)} ${percent(Math.exp(logProbability))}`).join(", ") + ".";
}

function signalOf(each, layer, name) {
  if (name === "hidden") return each.at.state[layer][0];
  return name === "cell" ? each.at.state[layer][1] : each.at.gates[layer][name];
}

const withCell = () => ["lstm", "mogrifier", "qrnn", "hgrn", "slstm"].includes(model.head.cell);

function chooseSignals() {
  model.head.sizes.forEach((size, layer) => $("layer").append(make("option", `${layer + 1} (${size} units)`, {value: layer})));
  const names = ["hidden", ...(withCell() ? ["cell"] : []), ...Object.keys(steps[0].at.gates[0])];
  $("signal").append(...names.map(name => make("option", name, {value: name})));
  if (names.includes("forget")) $("signal").value = "forget";
}

// Units downwards, tokens to the right; orange above 0 (of gates: above a half), blue below.
function showUnits() {
  const layer = Number($("layer").value), name = $("signal").value, canvas = $("units"), shownSteps = steps.slice(-200);
  const signals = shownSteps.map(each => signalOf(each, layer, name)), units = signals[0].length;
  const gate = !["hidden", "cell", "candidate"].includes(name), row = Math.max(1, Math.floor(240 / units)), labels = 90;
  const height = row * units + labels, width = COLUMN * signals.length, dense = devicePixelRatio || 1;
  canvas.width = width * dense;
  canvas.height = height * dense;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
  context.scale(dense, dense);
  const largest = gate ? 0.5 : Math.max(1e-9, ...signals.map(signal => signal.reduce((most, value) => Math.max(most, Math.abs(value)), 0)));
  signals.forEach((signal, column) => signal.forEach((value, unit) => {
    const strength = (gate ? value - 0.5 : value) / largest;
    context.globalAlpha = Math.min(1, Math.abs(strength));
    context.fillStyle = strength > 0 ? `rgb(${style.getPropertyValue("--high")})` : style.getPropertyValue("--low");
    context.fillRect(column * COLUMN, unit * row, COLUMN - 1, row);
  }));
  context.globalAlpha = 1;
  context.fillStyle = style.getPropertyValue("--ink");
  context.font = "11px system-ui, sans-serif";
  shownSteps.forEach((each, column) => {
    context.save();
    context.translate(column * COLUMN + 3, row * units + 6);
    context.rotate(Math.PI / 2);
    if (steps[chosen] === each) context.font = "bold 11px system-ui, sans-serif";
    context.fillText(shown(each.token).slice(0, 14), 0, 0);
    context.restore();
  });
  const mean = signal => signal.reduce((sum, value) => sum + value, 0) / signal.length;
  canvas.setAttribute("aria-label", `${name} of layer ${layer + 1}: ${units} units over ${signals.length} tokens; `
    + `at the last, ${spoken(steps.at(-1).token)}, the mean is ${mean(signals.at(-1)).toFixed(2)}`);
  $("key").textContent = gate ? "Orange: open, above a half. Blue: shut. The first column is the end of sentence before every text."
    : `Orange: above 0, blue: below; full at ±${largest.toFixed(2)}. The first column is the end of sentence before every text.`;
  $("scroll").scrollLeft = $("scroll").scrollWidth;
  if ($("means").parentElement.parentElement.open) showMeans(layer, mean);
}

function showMeans(layer, mean) {
  const names = ["hidden", ...(withCell() ? ["cell"] : []), ...Object.keys(steps[0].at.gates[layer])];
  const head = make("tr"), last = steps.slice(-60);
  head.append(...["token", "bits", ...names].map(name => make("th", name, {scope: "col"})));
  $("means").replaceChildren(head, ...last.map(each => {
    const row = make("tr");
    row.append(make("th", shown(each.token), {scope: "row"}), make("td", each.bits.toFixed(1)),
      ...names.map(name => make("td", mean(signalOf(each, layer, name)).toFixed(3))));
    return row;
  }));
}

function setting(id, least, most) {
  const value = Number($(id).value);
  return $(id).value.trim() !== "" && value >= least && value <= most ? value : null;
}

async function write() {
  const count = setting("count", 1, 500), temperature = setting("temperature", 0, 5), topP = setting("top-p", 0.05, 1);
  const seed = setting("seed", 0, 1000000);
  if ([count, temperature, topP, seed].includes(null)) {
    $("status").textContent = "Tokens 1 to 500, temperature 0 to 5, top-p 0.05 to 1, seed 0 to 1,000,000.";
    return;
  }
  writing = true;
  $("go").textContent = "Stop";
  const random = RnnLm.random(Math.floor(seed)), began = performance.now();
  let written = 0;
  for (; written < count && writing; written++) {
    append(model.draw(logProbabilitiesOf(steps.at(-1)), {temperature, topP}, random));
    if (!await read()) break;
    $("status").textContent = `${written + 1} of ${count} tokens`;
    await pause();
  }
  writing = false;
  $("go").textContent = "Let it write";
  $("status").textContent = `${written} tokens in ${((performance.now() - began) / 1000).toFixed(1)} s`;
}

async function begin() {
  try {
    model = await RnnLm.load(globalThis.RNN_LM_MODEL);
  } catch (error) {
    $("failed").hidden = false;
    $("failed").textContent = `The model cannot be read: ${error.message}`;
    $("facts").textContent = "";
    throw error;
  }
  const {head} = model;
  $("name").textContent = document.title = head.model;
  $("facts").textContent = `${head.cell.toUpperCase()}, ${head.sizes.length} × ${head.sizes[0]} units, `
    + `${head.words.length.toLocaleString("en")} ${head.text.tokens} from ${head.corpus.join(", ")}. `
    + "All is computed in this page; nothing that you type leaves it.";
  step(model.eos, "<eos>");
  chooseSignals();
  $("text").addEventListener("input", () => { writing = false; read(); });
  $("writing").addEventListener("submit", event => { event.preventDefault(); if (writing) writing = false; else write(); });
  $("clear").addEventListener("click", () => { writing = false; $("text").value = ""; read(); $("text").focus(); });
  for (const id of ["layer", "signal"]) $(id).addEventListener("change", showUnits);
  document.querySelector("details").addEventListener("toggle", showUnits);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showUnits);
  await read();
  return model;
}

globalThis.rnnLmPage = {ready: begin(), read};
})();
