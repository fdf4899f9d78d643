// Gradients: how much each earlier word mattered to the prediction of the chosen one, in every model, and by which path.
(function () {
"use strict";
const E = globalThis.Explorer;
const {$, make, drawn, words, legend, shown, signed, spoken} = E;
const MEASURES = [["input x gradient", "input × gradient"], ["input", "norm by the word's vector"], ["state", "norm by the hidden state"],
  ["paths", "input × gradient, by path (LSTM)"], ["cell paths", "norm by the cell state, by path (LSTM)"]];
const SPLIT = {paths: ["input x gradient", "cell path", "hidden path"], "cell paths": ["cell state", "cell state, cell path", "cell state, hidden path"]};
const DASHES = ["", "9 3", "2 3", "9 3 2 3", "14 4"], PATH_DASHES = ["", "7 4", "2 3"];
const WIDEST = 760, HEIGHT = 300, LEFT = 58, BOTTOM = 40, RIGHT = 12, TOP = 12;
let asked = 0;

function build(panel) {
  panel.append(make("div", {class: "settings"}, E.chooser("gradients-measure", "Measure", MEASURES, () => show())),
    make("p", {id: "gradients-what", class: "muted"}), make("h2", {}, "The prediction"), make("div", {id: "gradients-text", "data-small": 1}),
    make("h2", {id: "gradients-title"}, ""), make("div", {id: "gradients-strips"}),
    make("h2", {}, "By lag"), make("div", {id: "gradients-plot"}));
}

const HELP = {
  "input x gradient": "What each word's vector added to the logarithm of the prediction's probability, to first order: orange spoke for it, blue against.",
  "input": "How far a small change of each word's vector would move the logarithm of the prediction's probability.",
  "state": "How far a small change of the last layer's hidden state after each word would move it.",
  "paths": "Input × gradient in two parts that add up to it: along the LSTM's cells alone, with every edge from a hidden state to the next gates cut, and the rest, which passed through a hidden state.",
  "cell paths": "The gradient by the LSTM's cell state after each word, and its part along the cells alone and through hidden states: norms, which do not add up.",
};

function begin() {
  const lstm = E.state.about.models.some(model => /^(LSTM|Mogrifier)/u.test(model.kind));
  if (!lstm) for (const name of ["paths", "cell paths"]) $("gradients-measure").querySelector(`option[value="${name}"]`).remove();
}

// The text as the first model that has gradients cuts it; others are asked where they cut it alike.
function measuredModels() {
  const {about, reading} = E.state;
  return about.models.flatMap((model, number) => model.has_states && !reading.models[number].error ? [number] : []);
}

async function show() {
  if (!E.state.reading) return;
  const mine = ++asked, numbers = measuredModels(), {reading, about} = E.state;
  $("gradients-what").textContent = HELP[$("gradients-measure").value];
  if (!numbers.length) {
    for (const id of ["gradients-text", "gradients-strips", "gradients-plot"]) $(id).replaceChildren();
    $("gradients-title").textContent = "None of these models has a gradient here: an n-gram looks words up.";
    return;
  }
  const first = reading.models[numbers[0]], at = Math.min(E.state.chosen ?? first.tokens.length - 1, first.tokens.length - 1);
  words($("gradients-text"), first.tokens, {chosen: at, choose: E.choose, name: "Choose the word that is predicted",
    each: index => ({share: first.surprisal[index] / 16, label: `${first.surprisal[index].toFixed(1)} bits`})});
  const found = await Promise.all(numbers.map(async number => {
    if (reading.models[number].tokens.length !== first.tokens.length) return {number, error: "cuts the text into other tokens"};
    try {
      return {number, flow: await E.source.ask("gradients", {text: E.state.text, model: number, at})};
    } catch (error) {
      return {number, error: error.message};
    }
  }));
  if (mine !== asked) return;
  $("gradients-title").textContent = `What made “${shown(first.tokens[at])}” more or less probable`;
  const before = ["<eos>", ...first.tokens.slice(0, at)];
  showStrips(found, before);
  showPlot(found, about);
}

function rowsOf({number, flow}) {
  const measure = $("gradients-measure").value, name = E.state.about.models[number].name;
  const wanted = SPLIT[measure] || [measure];
  return wanted.filter(each => each in flow.measures).map((each, part) => ({number, part, name: SPLIT[measure] ? `${name}: ${part ? each.replace("cell state, ", "") : "all"}` : name, values: flow.measures[each], first: flow.first}));
}

function showStrips(found, before) {
  const measure = $("gradients-measure").value, isSigned = ["input x gradient", "paths"].includes(measure), parts = [];
  for (const each of found) {
    const name = E.state.about.models[each.number].name;
    if (each.error) { parts.push(make("h3", {}, name), make("p", {class: "failed"}, each.error)); continue; }
    const rows = rowsOf(each);
    if (!rows.length) { parts.push(make("h3", {}, name), make("p", {class: "muted"}, "has no such state or path")); continue; }
    const most = Math.max(1e-12, ...rows[0].values.map(Math.abs));
    for (const row of rows) {
      const strip = make("div", {"data-small": 1}), share = 100 * Math.exp(each.flow.log_probability);
      parts.push(make("h3", {}, `${row.name} `, make("span", {class: "muted"}, row.part ? "" : `gave it ${share < 0.1 ? share.toPrecision(1) : share.toFixed(1)}%`)), strip);
      words(strip, before.slice(row.first), {chosen: null, name: `${row.name}: ${measure}`, breaks: false, choose: () => {}, each: index => ({
        share: Math.abs(row.values[index]) / most, low: row.values[index] < 0, note: brief(row.values[index], isSigned), label: brief(row.values[index], isSigned)})});
      for (const button of strip.querySelectorAll("button")) button.removeAttribute("aria-pressed");
    }
  }
  parts.push(isSigned ? legend("both", "against", "for it", " Full at each model's largest; the numbers are nats.") : legend("one", "0", "each model's largest"));
  $("gradients-strips").replaceChildren(...parts);
}

const brief = (value, isSigned) => isSigned ? signed(value) : value >= 0.005 ? value.toFixed(2) : value.toExponential(0).replace("e-", "e−");

// Size by lag on a logarithmic scale, a line per model: colour and dash both tell them apart.
function showPlot(found, about) {
  const lines = found.flatMap(each => each.error ? [] : rowsOf(each)).map(row => ({...row, values: [...row.values].reverse().map(Math.abs)}));
  const all = lines.flatMap(line => line.values).filter(value => value > 0);
  if (!all.length) return $("gradients-plot").replaceChildren(make("p", {class: "muted"}, "Nothing stands before it."));
  const WIDTH = Math.max(300, Math.min(WIDEST, $("gradients-plot").clientWidth));
  const lags = Math.max(...lines.map(line => line.values.length)) - 1, high = Math.ceil(Math.log10(Math.max(...all)) + 1e-9);
  const low = Math.max(high - 9, Math.floor(Math.log10(Math.min(...all)))), x = lag => LEFT + (WIDTH - LEFT - RIGHT) * (lags ? lag / lags : 0.5);
  const y = value => TOP + (HEIGHT - TOP - BOTTOM) * (high - Math.max(low, Math.log10(value))) / Math.max(1, high - low);
  const names = lines.map(line => line.name).join(", ");
  const svg = drawn("svg", {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, role: "img", "aria-label": `Size by lag, 0 to ${lags}, of ${names}; the table below has the numbers`});
  for (let power = low; power <= high; power += Math.max(1, Math.ceil((high - low) / 6))) {
    svg.append(drawn("path", {class: "axis", d: `M${LEFT} ${y(10 ** power)}H${WIDTH - RIGHT}`}), drawn("text", {x: LEFT - 8, y: y(10 ** power) + 4, "text-anchor": "end"}, power === 0 ? "1" : `10${superscript(power)}`));
  }
  for (let lag = 0; lag <= lags; lag += Math.max(1, Math.ceil(lags / 10))) svg.append(drawn("text", {x: x(lag), y: HEIGHT - BOTTOM + 18, "text-anchor": "middle"}, String(lag)));
  svg.append(drawn("text", {x: (LEFT + WIDTH) / 2, y: HEIGHT - 4, "text-anchor": "middle"}, "words back from the last one read"));
  const keys = [];
  lines.forEach(line => {
    const colour = about.models[line.number].color || "currentColor", dash = SPLIT[$("gradients-measure").value] ? PATH_DASHES[line.part] : DASHES[line.number % DASHES.length];
    const points = line.values.flatMap((value, lag) => value > 0 ? [`${x(lag).toFixed(1)} ${y(value).toFixed(1)}`] : []);
    svg.append(drawn("path", {d: `M${points.join("L")}`, fill: "none", stroke: colour, "stroke-width": 2, "stroke-dasharray": dash, class: "line"}));
    const sample = drawn("svg", {viewBox: "0 0 40 8", class: "sample", "aria-hidden": "true"});
    sample.append(drawn("path", {d: "M0 4H40", stroke: colour, "stroke-width": 3, "stroke-dasharray": dash, class: "line"}));
    keys.push(make("span", {}, sample, ` ${line.name}`));
  });
  const head = make("tr", {}, make("th", {scope: "col"}, "lag"), ...lines.map(line => make("th", {scope: "col"}, line.name)));
  const rows = Array.from({length: lags + 1}, (_, lag) => make("tr", {}, make("th", {scope: "row"}, String(lag)), ...lines.map(line => make("td", {}, line.values[lag] === undefined ? "" : line.values[lag].toPrecision(3)))));
  $("gradients-plot").replaceChildren(make("p", {class: "legend"}, ...keys), svg,
    make("details", {}, make("summary", {}, "The numbers"), make("div", {class: "scroll", tabindex: 0, role: "group", "aria-label": "Size by lag, scrolls sideways"}, make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)))));
}

const superscript = power => String(power).replace("-", "⁻").replace(/\d/gu, digit => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);

E.tabs = {...E.tabs, gradients: {build, begin, show, choose: () => show()}};
})();
