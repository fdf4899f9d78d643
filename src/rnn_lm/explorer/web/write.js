// Write: word by word, with what else might have come at each; every word can be gone back to, and every path is kept.
(function () {
"use strict";
const E = globalThis.Explorer;
const {$, make, bars, percent, shown, spoken} = E;
const LISTED = 14;
let vocabulary = null, path = [], branches = [], current = null, run = 0, writing = false, random = null;
// path: [{id, word, share}] behind the prompt's; branches: paths that were left, as lists of ids with their texts.

// What may be drawn, most probable first: temperature, then the nucleus of top-p (rnn_lm.evaluation.generation.candidates,
// without <unk>). [{id, share, was}]: `was` is the model's own probability, `share` what it is drawn with, 0 where cut off.
function reshaped(logProbabilities, {temperature, topP, without = []}, listed = Infinity) {
  const size = logProbabilities.length, struck = new Set(without);
  let largest = -Infinity, sum = 0;
  for (let id = 0; id < size; id++) if (!struck.has(id) && logProbabilities[id] > largest) largest = logProbabilities[id];
  const weights = new Float64Array(size);
  for (let id = 0; id < size; id++) {
    if (struck.has(id)) continue;
    weights[id] = temperature === 0 ? Number(logProbabilities[id] === largest) : Math.exp((logProbabilities[id] - largest) / temperature);
    sum += weights[id];
  }
  const order = Array.from(weights.keys()).filter(id => !struck.has(id)).sort((a, b) => logProbabilities[b] - logProbabilities[a] || a - b);
  if (temperature === 0) { weights.fill(0); weights[order[0]] = sum = 1; }
  let held = 0, kept = 0;
  for (const id of order) {
    if (kept && (held >= topP || weights[id] === 0)) break;
    held += weights[id] / sum;
    kept++;
  }
  return {kept, candidates: order.slice(0, listed).map((id, place) => ({id, was: Math.exp(logProbabilities[id]), share: place < kept ? weights[id] / sum / held : 0}))};
}

function build(panel) {
  const range = (id, label, min, max, step, value) => make("div", {class: "setting"}, make("label", {for: id}, label, make("span", {id: `${id}-value`}, String(value))),
    make("input", {id, type: "range", min, max, step, value, oninput: () => { $(`${id}-value`).textContent = $(id).value; showCandidates(); }}));
  panel.append(make("div", {class: "settings"}, E.chooser("write-model", "Model", [], () => start()),
    range("write-temperature", "Temperature ", 0, 2, 0.05, 1), range("write-top-p", "Top-p ", 0.05, 1, 0.05, 1),
    make("div", {class: "setting"}, make("label", {for: "write-count"}, "Words"), make("input", {id: "write-count", type: "number", min: 1, max: 200, value: 20})),
    make("div", {class: "setting"}, make("label", {for: "write-seed"}, "Seed"), make("input", {id: "write-seed", type: "number", min: 0, max: 1000000, value: 1, oninput: () => { random = null; }})),
    make("button", {type: "button", id: "write-go", class: "primary", onclick: () => write()}, "Let it write"),
    make("button", {type: "button", id: "write-step", onclick: () => step()}, "One word")),
  make("p", {id: "write-status", class: "muted", role: "status"}),
  make("div", {class: "two"},
    make("div", {}, make("h2", {}, "The text"), make("p", {id: "write-text", class: "path"}),
      make("p", {class: "muted"}, "It goes on from the text above. A word behind it takes you back to its place, to take another branch; the path you leave is kept below."),
      make("div", {id: "write-path", "data-small": 1}), make("h2", {}, "Branches"), make("ol", {id: "write-branches", class: "branches"})),
    make("div", {}, make("h2", {id: "write-title"}, "What comes next"), make("p", {id: "write-facts", class: "muted"}), make("ol", {id: "write-next", class: "bars"}))));
}

function begin() {
  E.refill($("write-model"), E.state.about.models.map((model, number) => [number, model.name]));
}

const number = () => Number($("write-model").value);
const settings = () => ({temperature: Number($("write-temperature").value), topP: Number($("write-top-p").value), without: [0]});

async function start() {
  const mine = ++run;
  writing = false;
  path = [];
  branches = [];
  random = null;
  current = null;
  const own = E.state.reading.models[number()];
  for (const id of ["write-text", "write-path", "write-branches", "write-next"]) $(id).replaceChildren();
  try {
    if (own.error) throw new Error(own.error);
    const {words} = await E.source.ask("words", {model: number()});
    if (mine !== run) return;
    vocabulary = words;
    start.of = `${number()} ${E.state.text}`;
    await ask();
  } catch (error) {
    if (mine === run) { $("write-status").textContent = error.message; $("write-facts").textContent = ""; }
  }
}

const ids = () => [...E.state.reading.models[number()].ids, ...path.map(step => step.id)];

async function ask() {
  const mine = ++run;
  let answer;
  try {
    answer = await E.source.ask("next", {model: number(), ids: ids()});
  } catch (error) {
    if (mine === run) $("write-status").textContent = error.message;
    return false;
  }
  if (mine !== run) return false;
  current = {logProbabilities: E.valuesOf(answer.log_probabilities).values, text: answer.text};
  if (!writing) $("write-status").textContent = "";
  showPath();
  showCandidates();
  return true;
}

function showCandidates() {
  if (!current) return;
  const {kept, candidates} = reshaped(current.logProbabilities, settings(), LISTED), {temperature, topP} = settings();
  const entropy = -current.logProbabilities.reduce((sum, value) => value > -700 ? sum + Math.exp(value) * value : sum, 0) / Math.LN2;
  $("write-facts").textContent = `Bars are what is drawn from, at temperature ${temperature} and top-p ${topP}: ${E.whole(kept)} ${kept === 1 ? "word" : "words"} of ${E.whole(current.logProbabilities.length)}; `
    + `behind each, the model's own probability. Entropy ${entropy.toFixed(1)} bits.`;
  $("write-next").replaceChildren(...candidates.map(({id, share, was}) => {
    const button = make("button", {type: "button", class: share ? null : "cut", "aria-label": `${spoken(vocabulary[id])}, drawn with ${percent(share)}, the model's own ${percent(was)}`, onclick: () => take(id, share)},
      make("span", {class: "word"}, shown(vocabulary[id])), make("span", {class: "share"}, `${percent(share)} · ${percent(was)}`));
    button.style.setProperty("--share", share.toFixed(4));
    return make("li", {}, button);
  }));
}

function showPath() {
  $("write-text").textContent = current.text;
  E.words($("write-path"), path.map(step => step.word), {chosen: path.length ? path.length - 1 : null, name: "What was written", breaks: false,
    each: index => ({note: percent(path[index].share), label: `drawn with ${percent(path[index].share)}`, share: 1 - path[index].share}), choose: (index, event) => { if (event.type === "click") back(index); }});
  $("write-branches").replaceChildren(...branches.map((branch, index) => make("li", {}, make("button", {type: "button", onclick: () => { const [chosen] = branches.splice(index, 1); keep(); path = chosen.path; ask(); }}, branch.text))));
  if (!branches.length) $("write-branches").append(make("li", {class: "muted"}, "None yet."));
}

// Keep the path as it is among the branches, unless it is the beginning of one.
function keep() {
  const own = path.map(step => step.id).join(" ");
  if (!path.length || branches.some(branch => branch.path.map(step => step.id).join(" ").startsWith(own))) return;
  branches.unshift({path, text: current.text});
  branches.length = Math.min(branches.length, 12);
}

function take(id, share) {
  path = [...path, {id, word: vocabulary[id], share}];
  return ask();
}

// Back to the place of a word: it is taken away with what stands behind it.
function back(index) {
  writing = false;
  keep();
  path = path.slice(0, index);
  ask().then(() => { const first = $("write-next").querySelector("button"); if (first) first.focus(); });
}

function drawOne() {
  if (!random) random = RnnLm.random(Math.floor(Number($("write-seed").value)) || 0);
  const {kept, candidates} = reshaped(current.logProbabilities, settings());
  let rest = random(), last = candidates[0];
  for (const candidate of candidates.slice(0, kept)) {
    last = candidate;
    rest -= candidate.share;
    if (rest < 0) break;
  }
  return last;
}

function step() {
  if (!current) return null;
  const {id, share} = drawOne();
  return take(id, share);
}

async function write() {
  if (writing) { writing = false; return; }
  const count = Number($("write-count").value);
  if (!current || !(count >= 1 && count <= 200)) { $("write-status").textContent = current ? "Words: 1 to 200." : $("write-status").textContent; return; }
  writing = true;
  $("write-go").textContent = "Stop";
  for (let written = 0; written < count && writing; written++) {
    if (!await step()) break;
    $("write-status").textContent = `${written + 1} of ${count} words`;
    await new Promise(go => setTimeout(go));
  }
  writing = false;
  $("write-go").textContent = "Let it write";
}

function show() {
  if (!E.state.reading) return null;
  return start.of === `${number()} ${E.state.text}` ? null : start();
}

E.tabs = {...E.tabs, write: {build, begin, show, choose() {}}};
Object.assign(E, {reshaped});
})();
