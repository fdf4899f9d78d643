// Where answers come from: the server that the page is from, or, in a written page, what it carries.
//
//   await Explorer.source.ask("read", {text})         an answer of rnn_lm/explorer/answers.py; throws what cannot be had
//   await Explorer.source.values(answer.layers[0].hidden)   an array of one: {values: Float32Array, raw, scale, shape}
//
// A written page holds answers by question; for a text that is not among its own, the engine that runs exported models
// in a browser (rnn_lm/export/web/engine.js) works them out, of those models that the page carries.
(function () {
"use strict";
const E = globalThis.Explorer = globalThis.Explorer || {};
const KINDS = {int8: Int8Array, int32: Int32Array, float32: Float32Array};

function bytesOf(base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

// An array of an answer: its numbers as they stand, and the scale of each column where they are in a byte each.
function arrayOf(found) {
  if (found.raw) return found;
  const kind = Object.keys(KINDS).find(name => name in found);
  const raw = new KINDS[kind](bytesOf(found[kind]).buffer);
  return {raw, shape: found.shape, scale: found.scale ? Float32Array.from(found.scale) : null};
}

// The same as float32.
function valuesOf(found) {
  const {raw, shape, scale} = arrayOf(found);
  if (!scale) return {values: raw, shape};
  const values = new Float32Array(raw.length), units = shape[1];
  for (let at = 0; at < raw.length; at++) values[at] = raw[at] * scale[at % units];
  return {values, shape};
}

// ---- the server ----------------------------------------------------------------------------------------------------

class Server {
  constructor() {
    this.live = true;
    this._kept = new Map();
  }

  async ask(question, asked = {}) {
    const key = question + JSON.stringify(asked);
    const keeps = ["corpus", "probes", "words"].includes(question);
    if (keeps && this._kept.has(key)) return this._kept.get(key);
    let response;
    try {
      response = await fetch(`api/${question}`, {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(asked)});
    } catch (error) {
      throw new Error("the server does not answer: is rnn-lm explore still running?");
    }
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
    if (keeps) this._kept.set(key, answer);
    return answer;
  }
}

// ---- a written page --------------------------------------------------------------------------------------------------

class Carried {
  constructor(page) {
    this.live = false;
    this._page = page;
    this._kept = new Map();
    this._models = new Map();
  }

  async _stored(key) {
    if (!(key in this._page.answers)) return null;
    if (!this._kept.has(key)) {
      const bytes = await RnnLm.unpacked(this._page.answers[key]);
      this._kept.set(key, JSON.parse(new TextDecoder().decode(bytes)));
    }
    return this._kept.get(key);
  }

  async _engine(number) {
    const {name} = (await this._stored("about")).models[number];
    if (!this._page.models[number]) {
      throw new Error(`this page does not carry ${name}: it shows the page's own texts alone; rnn-lm explore reads any`);
    }
    if (!this._models.has(number)) this._models.set(number, RnnLm.load(this._page.models[number]));
    return this._models.get(number);
  }

  async ask(question, asked = {}) {
    const {text, model} = asked, place = text === undefined ? -1 : this._page.texts.indexOf(text);
    if (question === "about") return {...await this._stored("about"), texts: this._page.texts};
    if (question === "corpus" || question === "probes") {
      const found = await this._stored(`${question} ${model}`);
      if (!found || found.error) throw new Error(found ? found.error : "the page does not carry that");
      return found;
    }
    const stored = await this._stored(question === "read" ? `read ${place}` : `${question} ${model} ${place}`);
    if (stored) return question === "gradients" ? stored.at[asked.at] : stored;
    if (question === "gradients") throw new Error("this page has the gradients of its own texts: for others, rnn-lm explore");
    return this[`_${question}`](asked);
  }

  async _read({text}) {
    const {models} = await this._stored("about");
    return {models: await Promise.all(models.map(async (_, number) => {
      try {
        return readBy(await this._engine(number), text);
      } catch (error) {
        return {error: error.message};
      }
    }))};
  }

  async _states({text, model}) {
    const engine = await this._engine(model), {tokens, ids} = cut(engine, text);
    const steps = [];
    for (const id of [engine.eos, ...ids]) steps.push(engine.read(id, steps.length ? steps.at(-1).state : engine.start()));
    const withCell = ["lstm", "mogrifier", "qrnn", "hgrn", "slstm"].includes(engine.head.cell);
    const layers = engine.head.sizes.map((units, layer) => {
      const gather = pick => ({raw: Float32Array.from(steps.flatMap(step => [...pick(step)])), shape: [steps.length, units], scale: null});
      return {hidden: gather(step => step.state[layer][0]), ...(withCell ? {cell: gather(step => step.state[layer][1])} : {}),
        ...Object.fromEntries(Object.keys(steps[0].gates[layer]).map(name => [name, gather(step => step.gates[layer][name])]))};
    });
    return {tokens: ["<eos>", ...tokens], layers};
  }

  async _ablate({text, model, layer, units}) {
    const off = (number, state) => { if (number === layer) for (const unit of units) state[0][unit] = 0; };
    return readBy(await this._engine(model), text, off);
  }

  async _words({model}) {
    return {words: (await this._engine(model)).words};
  }

  async _next({model, ids}) {
    const engine = await this._engine(model), joiner = engine.joiner();
    const key = `${model} ${ids}`, before = `${model} ${ids.slice(0, -1)}`;
    this._states_read = this._states_read || new Map();
    let at = this._states_read.get(before);
    if (at && ids.length) at = engine.read(ids.at(-1), at.state);
    else for (const id of [engine.eos, ...ids]) at = engine.read(id, at && at !== this._states_read.get(before) ? at.state : engine.start());
    this._states_read.set(key, at);
    const text = ids.map(id => joiner.add(engine.words[id])).join("") + joiner.finish();
    return {log_probabilities: {raw: Float32Array.from(at.logProbabilities), shape: [engine.words.length], scale: null}, text};
  }
}

function cut(engine, text) {
  const stripped = text.replace(/\n+$/u, ""), tokens = engine.tokens(stripped), ids = engine.encode(stripped);
  if (!ids.length) throw new Error("there is no word in the text: type some");
  if (ids.length > 2000) throw new Error(`the text has ${ids.length} tokens: 2,000 are the most, cut it`);
  return {tokens, ids};
}

function readBy(engine, text, change) {
  const {tokens, ids} = cut(engine, text);
  const found = {tokens, ids, unknown: [], surprisal: [], entropy: [], rank: [], top: []};
  let at = engine.read(engine.eos, engine.start(), change);
  ids.forEach((id, place) => {
    const logProbabilities = at.logProbabilities, own = logProbabilities[id];
    let entropy = 0, rank = 1;
    for (const value of logProbabilities) {
      if (value > -700) entropy -= Math.exp(value) * value;
      if (value > own) rank++;
    }
    found.surprisal.push(-own / Math.LN2);
    found.entropy.push(entropy / Math.LN2);
    found.rank.push(rank);
    found.top.push(topOf(engine, logProbabilities));
    if (id === engine.unk && tokens[place] !== "<unk>") found.unknown.push(place);
    at = engine.read(id, at.state, change);
  });
  found.top.push(topOf(engine, at.logProbabilities));
  return found;
}

const topOf = (engine, logProbabilities) => engine.best(logProbabilities, 10, [])
  .map(({word, logProbability}) => [word, Math.exp(logProbability)]);

Object.assign(E, {arrayOf, valuesOf});
E.source = globalThis.EXPLORER_PAGE ? new Carried(globalThis.EXPLORER_PAGE) : new Server();
})();
