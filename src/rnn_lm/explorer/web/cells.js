// Cells: units over the text or over the corpus as a heat map; a phrase, the units that are on over it, and other places
// where they are; what units track; and what the model says with units off.
(function () {
"use strict";
const E = globalThis.Explorer;
const {$, make, words, bars, legend, percent, whole, signed, shown, spoken} = E;
const NARROWEST = 18, WIDEST = 40, LABELS = 92, MOST_HEIGHT = 420, MATCHES = 15, AROUND = 9;
const SORTS = [["number", "number"], ["token", "value at the word"], ["phrase", "strength over the phrase"], ["change", "change over the text"]];
let text = null, corpus = null, probes = null, view = null, asked = 0;
// text, corpus: {tokens, layers: [{signal: {raw, scale, shape}}], stretch} of the chosen model; view: what is drawn.
let phrase = [0, 0], unit = 0, off = new Set(), colours = null, onCorpus = null, dragging = null;

function build(panel) {
  const slider = make("input", {type: "range", id: "cells-threshold", min: 0, max: 1, step: 0.01, oninput: () => { $("cells-threshold-value").textContent = threshold().toFixed(2); showPattern(); }});
  panel.append(make("div", {class: "settings"},
    E.chooser("cells-model", "Model", [], () => load()), E.chooser("cells-layer", "Layer", [], () => reset()),
    E.chooser("cells-signal", "Signal", [], () => reset()),
    E.chooser("cells-over", "Over", [["text", "the text"], ["corpus", "the corpus"]], () => reset()),
    E.chooser("cells-sort", "Units by", SORTS, () => draw()),
    make("div", {class: "setting"}, make("label", {for: "cells-search"}, "Units to show"),
      make("input", {id: "cells-search", size: 12, placeholder: "all; or 12 40-60", autocomplete: "off", oninput: () => draw()}))),
  make("p", {id: "cells-failed", class: "failed", role: "alert", hidden: true}),
  make("div", {id: "cells-all"},
    make("div", {id: "map", tabindex: 0, role: "application", "aria-roledescription": "heat map", "aria-describedby": "cells-help cells-here",
      "aria-label": "Units over words", onscroll: () => paint(), onkeydown: keys},
    make("canvas", {id: "cells-canvas", "aria-hidden": "true", onpointerdown: down, onpointermove: moved, onpointerup: up, onpointercancel: () => { dragging = null; }}),
    make("div", {class: "spacer"})),
    make("p", {id: "cells-key", class: "legend"}),
    make("p", {id: "cells-here", class: "muted", role: "status"}),
    make("p", {id: "cells-help", class: "muted"}, "Drag over words to choose a phrase; a click chooses a word and a unit. With the keyboard: arrows, with Shift a longer phrase; Enter marks the unit."),
    make("div", {class: "two"},
      make("div", {}, make("h2", {}, "Units that are on over the phrase"),
        make("div", {class: "settings"}, make("div", {class: "setting"}, make("label", {for: "cells-threshold"}, "On from ", make("span", {id: "cells-threshold-of"}), make("span", {id: "cells-threshold-value"})), slider),
          make("label", {class: "check"}, make("input", {type: "checkbox", id: "cells-edges", onchange: () => showPattern()}), "off before and after it")),
        make("p", {id: "cells-pattern", class: "muted"}), make("div", {id: "cells-chips", class: "chips", role: "group", "aria-label": "Units on over the phrase"}),
        make("h2", {}, "Other places with the same pattern"), make("p", {id: "cells-found", class: "muted", role: "status"}), make("ol", {id: "cells-matches", class: "matches"})),
      make("div", {}, make("h2", {id: "cells-unit-title"}, "The unit"), make("div", {id: "cells-unit"}),
        make("h2", {}, "Units switched off"), make("div", {id: "cells-off"}))),
    make("h2", {}, "What units track"), make("div", {id: "cells-probes"})));
}

function begin() {
  const options = E.state.about.models.flatMap((model, number) => model.has_states ? [[number, model.name]] : []);
  E.refill($("cells-model"), options);
}

const number = () => Number($("cells-model").value);
const layer = () => Number($("cells-layer").value);
const signal = () => $("cells-signal").value;
const threshold = () => Number($("cells-threshold").value);
const isGate = name => !["hidden", "cell", "candidate", "correction"].includes(name);

function fail(message) {
  $("cells-failed").hidden = !message;
  $("cells-failed").textContent = message || "";
  $("cells-all").hidden = Boolean(message);
}

const typed = answer => answer.layers.map(each => Object.fromEntries(Object.entries(each).map(([name, found]) => [name, E.arrayOf(found)])));

// What the model held over the text, and over the corpus; the page stays awake meanwhile.
async function load() {
  const mine = ++asked;
  if (!$("cells-model").options.length) return fail("None of these models has units: an n-gram looks words up.");
  E.say("looking into the model …");
  text = corpus = probes = null;
  off = new Set();
  try {
    const answer = await E.source.ask("states", {text: E.state.text, model: number()});
    if (mine !== asked) return;
    text = {tokens: answer.tokens, layers: typed(answer), stretch: answer.tokens.length};
    text.of = `${number()} ${E.state.text}`;
    fail("");
  } catch (error) {
    if (mine === asked) { fail(error.message); E.say(""); }
    return;
  }
  E.refill($("cells-layer"), text.layers.map((_, index) => [index, index + 1]));
  try {
    const answer = await E.source.ask("corpus", {model: number()});
    if (mine !== asked) return;
    const ids = E.arrayOf(answer.ids).raw;
    corpus = {tokens: Array.from(ids, id => answer.words[id]), layers: typed(answer), stretch: answer.stretch};
  } catch (error) {
    if (mine !== asked) return;
    corpus = {error: error.message};
  }
  E.say("");
  reset();
  showProbes(mine);
}

function reset() {
  if (!text) return;
  const over = $("cells-over").value === "corpus" && !corpus.error ? corpus : text;
  if (over === text) $("cells-over").value = "text";
  $("cells-over").querySelector("option[value=corpus]").disabled = Boolean(corpus.error);
  E.refill($("cells-signal"), Object.keys(over.layers[layer()]).map(name => [name, name]));
  const wasOver = view && view.over;
  view = {over, ...over.layers[layer()][signal()]};
  view.shares = sharesOf(view);
  const [tokens, units] = view.shape;
  unit = Math.min(unit, units - 1);
  if (wasOver !== over) {
    const at = over === text && E.state.chosen !== null ? E.state.chosen + 1 : Math.min(1, tokens - 1);
    phrase = [at, at];
  }
  const sampled = sampleOf(), most = largest(sampled || view.shares);
  $("cells-threshold").max = most.toFixed(2);
  $("cells-threshold").step = (most / 100).toPrecision(1);
  $("cells-threshold").value = E.usualThreshold(view.shares);
  $("cells-threshold-value").textContent = threshold().toFixed(2);
  $("cells-threshold-of").textContent = bySize() ? "this share of a unit's largest: " : "";
  onCorpus = null;
  draw();
  showOff();
}

// The corpus' values of the signal that is shown; gates are kept over the text alone. A cell state has no bound, and each
// unit's has a size of its own: it is counted in shares of the unit's largest over the corpus.
const bySize = () => signal() === "cell";
function sampleOf() {
  const found = corpus && !corpus.error && corpus.layers[layer()][signal()];
  return found && bySize() ? {...found, scale: new Float32Array(found.shape[1]).fill(1 / 127)} : found;
}

function sharesOf(found) {
  if (!bySize()) return found;
  const sampled = corpus && !corpus.error && corpus.layers[layer()].cell, units = found.shape[1];
  const own = found.scale || Float32Array.from({length: units}, (_, column) => found.raw.reduce((most, value, at) => at % units === column ? Math.max(most, Math.abs(value)) : most, 1e-12) / 127);
  const size = sampled ? sampled.scale : own;
  return {...found, scale: Float32Array.from({length: units}, (_, column) => (found.scale ? found.scale[column] : 1) / (127 * size[column]))};
}

function largest({raw, scale, shape: [, units]}) {
  let most = 1e-6;
  if (scale) for (let column = 0; column < units; column++) most = Math.max(most, 127 * scale[column]);
  else for (const value of raw) most = Math.max(most, Math.abs(value));
  return most;
}

const shareAt = (token, column) => view.raw[token * view.shape[1] + column] * (view.shares.scale ? view.shares.scale[column] : 1);
const valueAt = (token, column) => view.raw[token * view.shape[1] + column] * (view.scale ? view.scale[column] : 1);

function order() {
  const [tokens, units] = view.shape, named = E.unitsNamed($("cells-search").value, units);
  if (typeof named === "string") { $("cells-here").textContent = `Units to show: ${named}.`; return []; }
  const shownUnits = Array.from({length: units}, (_, index) => index).filter(each => !named || named.has(each));
  const sort = $("cells-sort").value, key = new Float64Array(units);
  if (sort === "number") return shownUnits;
  if (sort.startsWith("probe ")) {
    const weights = probes.layers[layer()].probes[Number(sort.slice(6))].weights;
    shownUnits.forEach(each => { key[each] = Math.abs(weights[each]); });
  } else if (sort === "token") shownUnits.forEach(each => { key[each] = shareAt(phrase[1], each); });
  else {
    const [first, last] = sort === "phrase" ? phrase : view.over === text ? [0, tokens - 1] : [phrase[0], Math.min(tokens - 1, phrase[0] + 200)];
    shownUnits.forEach(each => {
      let sum = 0, squares = 0;
      for (let token = first; token <= last; token++) { const value = shareAt(token, each); sum += value; squares += value * value; }
      const counted = last - first + 1;
      key[each] = sort === "phrase" ? Math.abs(sum) / counted : squares / counted - (sum / counted) ** 2;
    });
  }
  return shownUnits.sort((a, b) => key[b] - key[a] || a - b);
}

function draw() {
  if (!view) return;
  view.order = order();
  view.row = Math.max(1, Math.min(16, Math.floor(MOST_HEIGHT / Math.max(1, view.order.length))));
  view.column = Math.max(NARROWEST, Math.min(WIDEST, Math.floor($("map").clientWidth / view.shape[0])));
  $("map").querySelector(".spacer").style.width = `${view.shape[0] * view.column}px`;
  colours = E.palette();
  paint();
  showPattern();
}

// Only what is in sight is painted, so that a corpus costs no more than a line.
function paint() {
  if (!view || $("cells").hidden) return;
  const canvas = $("cells-canvas"), box = $("map"), dense = devicePixelRatio || 1, [tokens, units] = view.shape;
  const width = Math.min(box.clientWidth, tokens * view.column), height = LABELS + view.row * view.order.length;
  const from = Math.max(0, Math.floor(box.scrollLeft / view.column)), to = Math.min(tokens, from + Math.ceil(width / view.column) + 1);
  view.from = from;
  view.shift = box.scrollLeft - from * view.column;
  if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
    canvas.width = Math.round(width * dense);
    canvas.height = Math.round(height * dense);
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--ink");
  context.setTransform(dense, 0, 0, dense, 0, 0);
  context.clearRect(0, 0, width, height);
  if (view.order.length && to > from) {
    const gate = isGate(signal()), most = gate ? 0.5 : bySize() ? 1 : largest(view), image = new ImageData(to - from, view.order.length), pixels = new Uint32Array(image.data.buffer);
    view.order.forEach((column, row) => {
      const scale = view.shares.scale ? view.shares.scale[column] : 1;
      for (let token = from; token < to; token++) {
        const value = (view.raw[token * units + column] * scale - (gate ? 0.5 : 0)) / most;
        pixels[row * (to - from) + token - from] = colours[127 + Math.max(-127, Math.min(127, Math.round(127 * value)))];
      }
    });
    const small = new OffscreenCanvas(to - from, view.order.length);
    small.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, -view.shift, LABELS, (to - from) * view.column, view.row * view.order.length);
  }
  context.fillStyle = ink;
  for (let token = from; token < to; token++) {
    context.save();
    context.translate((token - from) * view.column - view.shift + view.column / 2 + 4, LABELS - 5);
    context.rotate(-Math.PI / 3);
    context.font = `${token >= phrase[0] && token <= phrase[1] ? "bold " : ""}12px system-ui, sans-serif`;
    context.fillText(shown(view.over.tokens[token]).slice(0, 13), 0, 0);
    context.restore();
  }
  context.strokeStyle = ink;
  context.lineWidth = 2;
  context.strokeRect((phrase[0] - from) * view.column - view.shift, LABELS - 1, (phrase[1] - phrase[0] + 1) * view.column, height - LABELS + 1);
  const row = view.order.indexOf(unit);
  context.lineWidth = 1;
  if (row >= 0) context.strokeRect(-1, LABELS + row * view.row - 0.5, width + 2, view.row + 1);
}

function showKey() {
  const most = bySize() ? "each unit's largest" : largest(view).toFixed(2), gate = isGate(signal());
  $("cells-key").replaceChildren(...legend("both", gate ? "shut, 0" : `−${most}`, gate ? "open, 1" : `+${most}`).childNodes,
    `· ${whole(view.shape[1])} units downwards, ${whole(view.shape[0])} tokens to the right; the first is the end of sentence that stands before every text.`);
}

function here() {
  const [first, last] = phrase, said = view.over.tokens.slice(first, last + 1).map(spoken);
  $("cells-here").textContent = `Unit ${unit} at “${spoken(view.over.tokens[last])}”: ${signed(valueAt(last, unit))}. `
    + `Phrase: ${said.length > 8 ? `${said.slice(0, 4).join(" ")} … ${said.slice(-2).join(" ")}` : said.join(" ")} (${last - first + 1}).`;
}

// ---- choosing: with a pointer and with keys -----------------------------------------------------------------------

function placeOf(event) {
  const box = $("cells-canvas").getBoundingClientRect();
  const token = Math.max(0, Math.min(view.shape[0] - 1, view.from + Math.floor((event.clientX - box.left + view.shift) / view.column)));
  const row = Math.floor((event.clientY - box.top - LABELS) / view.row);
  return {token, column: row >= 0 ? view.order[row] : undefined};
}

function down(event) {
  if (event.button !== 0) return;
  const {token, column} = placeOf(event);
  dragging = event.shiftKey ? phrase[0] : token;
  if (column !== undefined) unit = column;
  $("cells-canvas").setPointerCapture(event.pointerId);
  choosePhrase(dragging, token, false);
}

function moved(event) {
  if (dragging !== null) choosePhrase(dragging, placeOf(event).token, false);
}

function up(event) {
  if (dragging === null) return;
  const {token} = placeOf(event), from = dragging;
  dragging = null;
  choosePhrase(from, token, true);
}

function choosePhrase(from, to, whole_) {
  phrase = [Math.min(from, to), Math.max(from, to)];
  if (view.over === text && phrase[1] > 0) E.state.chosen = phrase[1] - 1;
  if (!whole_) { paint(); here(); return; }
  if (["token", "phrase"].includes($("cells-sort").value)) draw();
  else { paint(); showPattern(); }
  showOff();
}

function keys(event) {
  if (!view || event.target !== $("map")) return;
  const row = view.order.indexOf(unit), rows = view.order.length;
  const across = {ArrowLeft: -1, ArrowRight: 1}[event.key], downward = {ArrowUp: -1, ArrowDown: 1}[event.key];
  if (across) {
    const to = Math.max(0, Math.min(view.shape[0] - 1, phrase[1] + across));
    choosePhrase(event.shiftKey ? Math.min(phrase[0], to) : to, to, true);
    const left = to * view.column, box = $("map");
    if (left < box.scrollLeft || left + view.column > box.scrollLeft + box.clientWidth) box.scrollLeft = left - box.clientWidth / 2;
  } else if (downward && rows) {
    unit = view.order[Math.max(0, Math.min(rows - 1, row + downward))];
    paint();
    showUnit();
  } else if (event.key === "Enter" && rows) toggle(unit);
  else return;
  event.preventDefault();
}

// ---- the pattern and its places ------------------------------------------------------------------------------------

function showPattern() {
  if (!view) return;
  const began = performance.now();
  here();
  showKey();
  const edges = $("cells-edges").checked, units = view.shape[1], length = phrase[1] - phrase[0] + 1;
  const from = Math.max(0, phrase[0] - 1), to = Math.min(view.shape[0], phrase[1] + 2);
  // Of what is shown, the phrase and its neighbours alone are looked at.
  const part = {raw: view.raw.subarray(from * units, to * units), scale: view.shares.scale, shape: [to - from, units]};
  const pattern = E.patternOver(E.onBits(part, threshold()), phrase[0] - from, phrase[1] - from, edges, part.shape[0]);
  const strength = column => Math.abs(shareAt(phrase[1], column % units));
  const listed = [...pattern].sort((a, b) => strength(b) - strength(a)).slice(0, 60);
  $("cells-pattern").textContent = `${pattern.length} of ${units} units${edges ? ", off at the words around it" : ""}`
    + `${pattern.length > listed.length ? `; the ${listed.length} strongest:` : "."} + is above 0, − below.`;
  $("cells-chips").replaceChildren(...listed.map(column => {
    const each = column % units;
    return make("button", {type: "button", "aria-pressed": each === unit, "aria-label": `unit ${each}, ${column < units ? "above" : "below"} 0`,
      onclick: () => { unit = each; paint(); here(); showUnit(); for (const chip of $("cells-chips").children) chip.setAttribute("aria-pressed", chip.dataset.unit === String(each)); },
      "data-unit": each}, `${each}${column < units ? "+" : "−"}`);
  }));
  showMatches(pattern, length, edges, began);
  showUnit();
}

function showMatches(pattern, length, edges, began) {
  const sampled = sampleOf();
  if (!sampled) {
    $("cells-found").textContent = corpus.error ? `No corpus to look in: ${corpus.error}` : "The corpus is kept with hidden and cell states, not with gates: choose one of these.";
    $("cells-matches").replaceChildren();
    E.took = performance.now() - began;
    return;
  }
  if (!onCorpus || onCorpus.threshold !== threshold()) onCorpus = {...E.onBits(sampled, threshold()), threshold: threshold()};
  const matches = E.findMatches(onCorpus, corpus.stretch, pattern, length, edges, MATCHES);
  $("cells-found").textContent = matches.length ? `Of ${whole(corpus.tokens.length)} tokens of valid text, those that share most of the pattern; a choice shows the place in the map.`
    : "Nowhere in the sample: lower the threshold, or choose a shorter phrase.";
  $("cells-matches").replaceChildren(...matches.map(match => {
    const last = match.position + length, begins = match.position - match.position % corpus.stretch;
    const piece = (start, end) => corpus.tokens.slice(Math.max(begins, start), Math.min(begins + corpus.stretch, end)).map(shown).join(" ");
    return make("li", {}, make("button", {type: "button", onclick: () => goTo(match.position, length)},
      `… ${piece(match.position - AROUND, match.position)} `, make("mark", {}, piece(match.position, last)), ` ${piece(last, last + AROUND)} … `,
      make("span", {class: "muted"}, `${match.shared} of ${pattern.length}, ${match.others} others on`)));
  }));
  E.took = performance.now() - began;
}

function goTo(position, length) {
  $("cells-over").value = "corpus";
  reset();
  phrase = [position, position + length - 1];
  $("map").scrollLeft = Math.max(0, position * view.column - $("map").clientWidth / 2);
  draw();
  $("map").focus();
}

// ---- one unit, units off, probes -------------------------------------------------------------------------------------

function showUnit() {
  const row = view.order.indexOf(unit);
  $("cells-unit-title").textContent = `Unit ${unit}`;
  const from = view.over === text ? 0 : Math.max(0, phrase[0] - 40), to = Math.min(view.shape[0], view.over === text ? 400 : phrase[1] + 40);
  const gate = isGate(signal()), most = gate ? 0.5 : Math.max(1e-6, ...Array.from({length: to - from}, (_, index) => Math.abs(valueAt(from + index, unit))));
  const into = make("div", {"data-small": 1});
  words(into, view.over.tokens.slice(from, to), {chosen: phrase[1] - from, name: `Unit ${unit} over the words`, breaks: false,
    each: index => { const value = valueAt(from + index, unit) - (gate ? 0.5 : 0); return {share: Math.abs(value) / most, low: value < 0, label: signed(valueAt(from + index, unit)), title: signed(valueAt(from + index, unit))}; },
    choose: index => choosePhrase(from + index, from + index, true)});
  const marked = off.has(unit), can = E.state.about.models[number()].has_units_off;
  $("cells-unit").replaceChildren(into, legend("both", gate ? "shut" : `−${most.toFixed(2)}`, gate ? "open" : `+${most.toFixed(2)}`),
    make("button", {type: "button", id: "cells-toggle", "aria-pressed": marked, disabled: !can, onclick: () => toggle(unit)}, marked ? `Switch unit ${unit} on again` : `Switch unit ${unit} off`));
  if (row < 0) $("cells-unit").append(make("p", {class: "muted"}, "It is not among the units to show."));
}

function toggle(each) {
  if (!E.state.about.models[number()].has_units_off) return;
  if (!off.delete(each)) off.add(each);
  showUnit();
  showOff();
}

async function showOff() {
  const into = $("cells-off");
  if (!E.state.about.models[number()].has_units_off) return into.replaceChildren(make("p", {class: "muted"}, "Units of this kind of model cannot be switched off here."));
  if (!off.size) return into.replaceChildren(make("p", {class: "muted"}, "None. A unit that is off puts out 0 at every word, for the next step and for the prediction alike."));
  const units = [...off], key = `${number()} ${layer()} ${units} ${E.state.text}`;
  let after;
  try {
    after = await E.source.ask("ablate", {text: E.state.text, model: number(), layer: layer(), units});
  } catch (error) {
    return into.replaceChildren(make("p", {class: "failed"}, error.message));
  }
  if (key !== `${number()} ${layer()} ${[...off]} ${E.state.text}`) return null;
  const before = E.state.reading.models[number()], changes = after.surprisal.map((bits, index) => bits - before.surprisal[index]);
  const place = Math.max(0, Math.min(before.tokens.length - 1, E.state.chosen ?? 0)), most = Math.max(0.5, ...changes.map(Math.abs));
  const strip = make("div", {"data-small": 1});
  words(strip, before.tokens, {chosen: place, name: "Change of surprisal", each: index => ({share: Math.abs(changes[index]) / most, low: changes[index] < 0,
    note: signed(changes[index], 1), label: `${signed(changes[index])} bits`}), choose: index => { E.state.chosen = index; showOff().then(() => { const button = $("cells-off").querySelector("[aria-pressed=true]"); if (button) button.focus(); }); }});
  const items = (found, other) => found.top[place].slice(0, 6).map(([word, share]) => ({word, share, came: word === before.tokens[place]}));
  into.replaceChildren(make("p", {}, `Off: ${units.join(", ")} of layer ${layer() + 1}. `, make("button", {type: "button", onclick: () => { off = new Set(); showUnit(); showOff(); }}, "All on")),
    make("p", {class: "muted"}, `By how many bits more each word surprises the model; in all ${signed(changes.reduce((sum, value) => sum + value, 0), 1)}.`), strip,
    legend("both", `−${most.toFixed(1)} bits`, `+${most.toFixed(1)} bits`),
    make("h3", {}, `In the place of “${shown(before.tokens[place])}”`),
    make("div", {class: "cards"}, make("div", {}, make("p", {class: "muted"}, `with all units: ${before.surprisal[place].toFixed(1)} bits`), bars(items(before), {"aria-label": "Expected with all units"})),
      make("div", {}, make("p", {class: "muted"}, `with those off: ${after.surprisal[place].toFixed(1)} bits`), bars(items(after), {"aria-label": "Expected with units off"}))));
  return null;
}

async function showProbes(mine) {
  $("cells-probes").replaceChildren(make("p", {class: "muted"}, corpus.error ? `No corpus to probe in: ${corpus.error}` : "probing …"));
  if (corpus.error) return;
  try {
    const found = await E.source.ask("probes", {model: number()});
    if (mine !== asked) return;
    probes = found;
  } catch (error) {
    if (mine === asked) $("cells-probes").replaceChildren(make("p", {class: "failed"}, error.message));
    return;
  }
  const {signal: probed, probes: rows} = probes.layers[layer()];
  E.refill($("cells-sort"), [...SORTS, ...rows.map((row, index) => [`probe ${index}`, `weight: ${row.name}`])]);
  if (!rows.length) return $("cells-probes").replaceChildren(make("p", {class: "muted"}, "Nothing of what is asked (quotation marks, brackets, place in the sentence, number of the last noun) varies in this corpus."));
  const head = make("tr", {}, ...["tracked", "accuracy", "always the usual", "control", "selectivity", "best unit", "by it alone"].map(name => make("th", {scope: "col"}, name)));
  $("cells-probes").replaceChildren(make("p", {class: "muted"}, `A linear probe on the ${probed} states of layer ${layer() + 1}, on places held out. The control task is a random label per word (Hewitt and Liang 2019): `
    + "accuracy less that is the probe's selectivity. A single unit tells the most frequent class from the others."),
  make("div", {class: "scroll", tabindex: 0, role: "group", "aria-label": "What units track, scrolls sideways"}, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows.map((row, index) => make("tr", {},
    make("th", {scope: "row"}, make("button", {type: "button", title: "sort units by this probe's weights", onclick: () => { $("cells-sort").value = `probe ${index}`; draw(); }}, row.name), make("span", {class: "muted"}, ` ${row.classes.join(" / ")}`)),
    make("td", {}, percent(row.accuracy)), make("td", {}, percent(row.majority)), make("td", {}, percent(row.control)), make("td", {}, `${signed(100 * row.selectivity, 1)} points`),
    make("td", {}, make("button", {type: "button", onclick: () => { unit = row.best_unit; if ($("cells-signal").querySelector(`option[value=${probed}]`)) $("cells-signal").value = probed; reset(); }}, `unit ${row.best_unit}`)),
    make("td", {}, `${percent(row.best_accuracy)} (${percent(row.best_majority)})`)))))));
}

function show() {
  if (!E.state.reading || !$("cells-model").options.length) return load();
  if (!text || text.of !== `${number()} ${E.state.text}`) return load();
  const at = E.state.chosen === null ? -1 : E.state.chosen + 1;
  if (view && view.over === text && at > 0 && at < view.shape[0] && (at < phrase[0] || at > phrase[1])) phrase = [at, at];
  draw();
  return showOff();
}

E.tabs = {...E.tabs, cells: {build, begin, show, choose: () => show()}};
Object.assign(E, {choosePhrase});
})();
