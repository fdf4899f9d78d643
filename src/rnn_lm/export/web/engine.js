// The model in plain JavaScript: text to ids, ids to log-probabilities of the next token, state by state.
//
//   const model = await RnnLm.load(RNN_LM_MODEL);       what model.js holds
//   let at = model.read(model.eos, model.start());      nothing read yet: <eos> stands before every text
//   for (const id of model.encode("the sea")) at = model.read(id, at.state);
//   model.best(at.logProbabilities, 5)                  [{id, word, logProbability}, ...]
//
// Nothing here knows of a page. Numbers are doubles, weights float32.
(function () {
"use strict";

// ---- the file ------------------------------------------------------------------------------------------------------

function bytesOf({bytes, text}) {
  const out = new Uint8Array(bytes);
  let held = 0, bits = 0, at = 0;
  for (let index = 0; index < text.length && at < bytes; index++) {
    held = (held << 15) | (text.charCodeAt(index) - 0x4e00);
    bits += 15;
    while (bits >= 8 && at < bytes) {
      bits -= 8;
      out[at++] = held >>> bits;
      held &= (1 << bits) - 1;
    }
  }
  return out;
}

async function inflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function load(packed) {
  if (!packed) throw new Error("model.js holds no model: export it again");
  let data;
  try {
    data = await inflated(bytesOf(packed));
  } catch (error) {
    throw new Error("model.js is damaged: export it again");
  }
  const length = new DataView(data.buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(data.subarray(4, 4 + length)));
  if (head.format !== "rnn_lm web" || head.version !== 1) throw new Error("model.js is of another version: export it again");
  const weights = {};
  let at = 4 + length;
  for (const {name, shape, places} of head.tensors) {
    const count = shape.reduce((product, size) => product * size, 1), scale = 2 ** -places;
    const values = new Float32Array(count);
    for (let index = 0; index < count; index++) {
      const u = (data[at + index] | data[at + count + index] << 8 | data[at + 2 * count + index] << 16
        | data[at + 3 * count + index] << 24) >>> 0;
      values[index] = (u & 1 ? -(u - 1) / 2 - 1 : u / 2) * scale;
    }
    weights[name] = {values, rows: shape[0], columns: shape.length > 1 ? count / shape[0] : 1, shape};
    at += 4 * count;
  }
  return new Model(head, weights);
}

// ---- arithmetic ----------------------------------------------------------------------------------------------------

const sigmoid = x => 1 / (1 + Math.exp(-x));
const softplus = x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
const silu = x => x * sigmoid(x);
const zeros = size => new Float64Array(size);

// W x + b; of a tensor of several matrices (the Mogrifier's), matrix number `which`.
function linear(weight, x, bias, which = 0) {
  const w = weight.values, rows = weight.shape.length === 3 ? weight.shape[1] : weight.rows;
  const columns = weight.shape.length === 3 ? weight.shape[2] : weight.columns, whole = columns - columns % 4;
  const out = zeros(rows);
  for (let row = 0, at = which * rows * columns; row < rows; row++, at += columns) {
    let a = 0, b = 0, c = 0, d = 0, column = 0;
    for (; column < whole; column += 4) {
      a += w[at + column] * x[column];
      b += w[at + column + 1] * x[column + 1];
      c += w[at + column + 2] * x[column + 2];
      d += w[at + column + 3] * x[column + 3];
    }
    for (; column < columns; column++) a += w[at + column] * x[column];
    out[row] = a + b + c + d + (bias ? bias.values[row] : 0);
  }
  return out;
}

const map = (values, f) => Float64Array.from(values, f);
const plus = (a, b) => a.map((value, index) => value + b[index]);
const times = (a, b) => a.map((value, index) => value * b[index]);
const mixed = (share, a, b) => share.map((s, index) => s * a[index] + (1 - s) * b[index]);

function split(values, parts) {
  const size = values.length / parts;
  return Array.from({length: parts}, (_, part) => values.subarray(part * size, (part + 1) * size));
}

function logSoftmax(logits) {
  let largest = -Infinity, sum = 0;
  for (const value of logits) if (value > largest) largest = value;
  for (const value of logits) sum += Math.exp(value - largest);
  const normalizer = largest + Math.log(sum);
  return logits.map(value => value - normalizer);
}

// ---- cells: the equations of rnn_lm/layers/cells -----------------------------------------------------------------
// (weights of the layer, input, state) to {state, gates}; the first part of a state is the output.

const both = (w, x, hidden) => plus(linear(w.weight_ih, x, w.bias_ih), linear(w.weight_hh, hidden, w.bias_hh));

function lstm(w, x, [hidden, cell]) {
  const [a, b, c, d] = split(both(w, x, hidden), 4);
  const input = a.map(sigmoid), forget = b.map(sigmoid), candidate = c.map(Math.tanh), output = d.map(sigmoid);
  const after = plus(times(forget, cell), times(input, candidate));
  return {state: [times(output, after.map(Math.tanh)), after], gates: {input, forget, candidate, output}};
}

const CELLS = {
  "rnn": {parts: 1, step: (w, x, [hidden]) => ({state: [both(w, x, hidden).map(Math.tanh)], gates: {}})},
  "rnn-relu": {parts: 1, step: (w, x, [hidden]) => ({state: [both(w, x, hidden).map(v => Math.max(0, v))], gates: {}})},
  "gru": {parts: 1, step(w, x, [hidden]) {
    const [ir, iz, input] = split(linear(w.weight_ih, x, w.bias_ih), 3);
    const [hr, hz, recurrent] = split(linear(w.weight_hh, hidden, w.bias_hh), 3);
    const reset = plus(ir, hr).map(sigmoid), update = plus(iz, hz).map(sigmoid);
    const candidate = plus(input, times(reset, recurrent)).map(Math.tanh);
    return {state: [mixed(update, hidden, candidate)], gates: {reset, update, candidate}};
  }},
  "lstm": {parts: 2, step: lstm},
  "mogrifier": {parts: 2, step(w, x, [hidden, cell], head) {
    for (let round = 0; round < head.rounds; round++) {
      const which = round >> 1, even = round % 2 === 0;
      const [right, left] = even ? [w.q_right, w.q_left] : [w.r_right, w.r_left];
      const gate = linear(left, linear(right, even ? hidden : x, null, which), null, which).map(v => 2 * sigmoid(v));
      if (even) x = times(gate, x); else hidden = times(gate, hidden);
    }
    return lstm(w, x, [hidden, cell]);
  }},
  "mingru": {parts: 1, step(w, x, [hidden]) {
    const [z, candidate] = split(linear(w.weight, x, w.bias), 2), update = z.map(sigmoid);
    return {state: [mixed(update, candidate, hidden)], gates: {update, candidate}};
  }},
  "minlstm": {parts: 1, step(w, x, [hidden]) {
    const [i, f, candidate] = split(linear(w.weight, x, w.bias), 3);
    const forget = f.map((value, index) => sigmoid(softplus(-i[index]) - softplus(-value)));
    return {state: [mixed(forget, hidden, candidate)], gates: {input: forget.map(v => 1 - v), forget, candidate}};
  }},
  "qrnn": {parts: 5, step(w, x, [, cell, ...before]) {
    const own = split(linear(w.weight, x, w.bias), 3).map((part, index) => plus(part, before[index]));
    const candidate = own[0].map(Math.tanh), forget = own[1].map(sigmoid), output = own[2].map(sigmoid);
    const after = mixed(forget, cell, candidate);
    return {state: [times(output, after), after, ...split(linear(w.weight_before, x), 3)],
      gates: {candidate, forget, output}};
  }},
  "hgrn": {parts: 2, step(w, x, [, cell]) {
    const [c, f, o] = split(linear(w.weight, x, w.bias), 3);
    const candidate = c.map(silu), output = o.map(sigmoid);
    const forget = f.map((value, index) => {
      const least = sigmoid(w.lower_bound.values[index]);
      return least + (1 - least) * sigmoid(value);
    });
    const after = mixed(forget, cell, candidate);
    return {state: [times(output, after), after], gates: {candidate, forget, output}};
  }},
  "rg-lru": {parts: 1, step(w, x, [hidden]) {
    const projected = linear(w.weight, x, w.bias);
    const [r, i] = split(linear(w.gate_weight, projected, w.gate_bias), 2);
    const recurrence = r.map(sigmoid), input = i.map(sigmoid);
    const after = hidden.map((value, index) => {
      const decay = -8 * softplus(-w.decay.values[index]) * recurrence[index];
      return Math.exp(decay) * value + Math.sqrt(-Math.expm1(2 * decay)) * input[index] * projected[index];
    });
    return {state: [after], gates: {recurrence, input}};
  }},
  "slstm": {parts: 4, begins: [0, 0, 0, -1e4], step(w, x, [hidden, cell, normalizer, stabilizer]) {
    const [i, f, z, o] = split(plus(linear(w.weight_ih, x, w.bias), linear(w.weight_hh, hidden)), 4);
    const kept = f.map((value, index) => stabilizer[index] - softplus(-value));
    const most = kept.map((value, index) => Math.max(value, i[index]));
    const input = i.map((value, index) => Math.exp(value - most[index]));
    const forget = kept.map((value, index) => Math.exp(value - most[index]));
    const candidate = z.map(Math.tanh), output = o.map(sigmoid);
    const after = plus(times(forget, cell), times(input, candidate));
    const norm = plus(times(forget, normalizer), input);
    return {state: [after.map((value, index) => output[index] * value / norm[index]), after, norm, most],
      gates: {input, forget, candidate, output}};
  }},
  "mlstm": {parts: 19, begins: [...new Array(18).fill(0), -1e4], step(w, x, [, ...held]) {
    const units = held[0].length, size = Math.min(16, units), heads = Math.ceil(units / size);
    const columns = held.slice(0, 16), [normalizer, stabilizer] = held.slice(16);
    const [q, k, v, o] = split(linear(w.weight, x, w.bias), 4), [i, f] = split(linear(w.gate_weight, x, w.gate_bias), 2);
    const hidden = zeros(units), memory = columns.map(column => zeros(units)), norm = zeros(units), most = zeros(units);
    const input = zeros(units), forget = zeros(units), output = o.map(sigmoid);
    for (let head = 0; head < heads; head++) {
      const begin = head * size, end = Math.min(begin + size, units);
      const kept = stabilizer[begin] - softplus(-f[head]), m = Math.max(kept, i[head]);
      const write = Math.exp(i[head] - m), keep = Math.exp(kept - m);
      let asked = 0;
      for (let unit = begin; unit < end; unit++) {
        const key = k[unit] / Math.sqrt(size), column = unit - begin;
        norm[unit] = keep * normalizer[unit] + write * key;
        asked += norm[unit] * q[unit];
        for (let row = begin; row < end; row++) {
          memory[column][row] = keep * columns[column][row] + write * v[row] * key;
          hidden[row] += memory[column][row] * q[unit];
        }
      }
      const below = Math.max(Math.abs(asked), Math.exp(-Math.max(m, -80)));
      for (let unit = begin; unit < end; unit++) {
        hidden[unit] *= output[unit] / below;
        [most[unit], input[unit], forget[unit]] = [m, write, keep];
      }
    }
    return {state: [hidden, ...memory, norm, most], gates: {input, forget, output}};
  }},
  "deltanet": {parts: 17, step(w, x, [, ...columns], head) {
    const unit = values => {
      const size = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) + 1e-6);
      return values.map(value => value / size);
    };
    const [key, query] = [w.key_weight, w.query_weight].map(weight => unit(linear(weight, x).map(silu)));
    const value = linear(w.value_weight, x), rate = sigmoid(linear(w.gate_weight, x, w.gate_bias)[0]);
    const sum = (from, by) => value.map((_, unit) => from.reduce((total, column, k) => total + column[unit] * by[k], 0));
    const error = sum(columns, key).map((read, unit) => rate * (value[unit] - read));
    const memory = columns.map((column, k) => column.map((held, unit) => held + error[unit] * key[k]));
    const read = sum(memory, query);
    const scale = head.read_norm ? Math.sqrt(read.reduce((total, value) => total + value * value, 0) / read.length + 1e-6) : 1;
    return {state: [read.map(value => value / scale), ...memory], gates: {correction: value.map(() => rate)}};
  }},
};

// ---- the model -----------------------------------------------------------------------------------------------------

class Model {
  constructor(head, weights) {
    this.head = head;
    this.words = head.words;
    this.unk = 0;
    this.eos = 1;
    this._weights = weights;
    this._ids = new Map(head.words.map((word, id) => [word, id]));
    this._layers = head.sizes.map((_, layer) => {
      const prefix = `layers.${layer}.`;
      return Object.fromEntries(Object.entries(weights).filter(([name]) => name.startsWith(prefix))
        .map(([name, weight]) => [name.slice(prefix.length), weight]));
    });
  }

  // The state before anything has been read, layer by layer.
  start() {
    const {parts, begins} = CELLS[this.head.cell];
    return this.head.sizes.map(size => Array.from({length: parts}, (_, part) => zeros(size).fill(begins ? begins[part] : 0)));
  }

  // Read one token: {state, gates, logProbabilities}. What was given is left as it was. `change`, where it is given, is
  // called with each layer's number and new state, before anything has read that: to switch units off, say.
  read(id, state, change) {
    const {values, columns} = this._weights["embedding.weight"];
    let signal = map(values.subarray(id * columns, (id + 1) * columns), v => v);
    const after = [], gates = [];
    state.forEach((layer, index) => {
      const found = CELLS[this.head.cell].step(this._layers[index], signal, layer, this.head);
      if (change) change(index, found.state);
      after.push(found.state);
      gates.push(found.gates);
      signal = found.state[0];
    });
    return {state: after, gates, logProbabilities: this._decode(signal)};
  }

  _decode(hidden) {
    const w = this._weights;
    if (w["projection.weight"]) hidden = linear(w["projection.weight"], hidden);
    if (!this.head.cutoffs) return logSoftmax(linear(w["decoder.weight"] || w["embedding.weight"], hidden, w["decoder.bias"]));
    const head = logSoftmax(linear(w["adaptive.head.weight"], hidden)), out = zeros(this.words.length);
    let at = this.head.cutoffs[0];
    out.set(head.subarray(0, at));
    this.head.cutoffs.forEach((_, cluster) => {
      const name = `adaptive.tail.${cluster}.`;
      const within = logSoftmax(linear(w[name + "1.weight"], linear(w[name + "0.weight"], hidden)));
      out.set(within.map(value => value + head[this.head.cutoffs[0] + cluster]), at);
      at += within.length;
    });
    return out;
  }

  // The most probable tokens, the most probable first.
  best(logProbabilities, count, without = [this.unk]) {
    const found = [];
    for (let id = 0; id < logProbabilities.length; id++) {
      const logProbability = logProbabilities[id];
      if (found.length === count && logProbability <= found[count - 1].logProbability || without.includes(id)) continue;
      let place = found.length;
      while (place && found[place - 1].logProbability < logProbability) place--;
      found.splice(place, 0, {id, word: this.words[id], logProbability});
      if (found.length > count) found.pop();
    }
    return found;
  }

  // Draw a token: temperature, then the most probable ones that together hold topP. `random` gives numbers in [0, 1).
  draw(logProbabilities, {temperature = 1, topP = 1} = {}, random = Math.random) {
    if (temperature === 0) return this.best(logProbabilities, 1)[0].id;
    const scaled = logProbabilities.map(value => value / temperature);
    scaled[this.unk] = -Infinity;
    const probabilities = logSoftmax(scaled).map(Math.exp);
    let order = null, held = 1;
    if (topP < 1) {
      order = Array.from(probabilities.keys()).sort((a, b) => probabilities[b] - probabilities[a]);
      let kept = 0;
      for (held = 0; kept < order.length && held < topP; kept++) held += probabilities[order[kept]];
      order.length = kept;
    }
    let rest = random() * held, last = 0;
    for (const id of order || probabilities.keys()) {
      if (probabilities[id] > 0) last = id;
      rest -= probabilities[id];
      if (rest < 0) return id;
    }
    return last;
  }

  encode(text) {
    return tokensOf(text, this.head.text).map(token => this._ids.has(token) ? this._ids.get(token) : this.unk);
  }

  tokens(text) {
    return tokensOf(text, this.head.text);
  }

  // Writes tokens as text while they come: add(token) gives what to append; finish() what was held.
  joiner() {
    const make = JOINERS[this.head.text.tokens];
    let joiner = make();
    return {
      add(token) {
        if (token !== "<eos>") return joiner.add(token);
        const text = joiner.finish();
        joiner = make();
        return text + "\n";
      },
      finish: () => joiner.finish(),
    };
  }
}

// Numbers in [0, 1) from a seed (Marsaglia's xorshift of 32 bits, after the seed's bits have been mixed).
function random(seed) {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 0 || 1;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 4294967296;
  };
  for (let turn = 0; turn < 8; turn++) next();
  return next;
}

// ---- text to tokens and back: rnn_lm/text ------------------------------------------------------------------------

const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const BLANK = new RegExp(`^[${SPACE}]*$`, "u");
const PLAIN = "[\\p{L}\\p{N}]", LETTER = "[\\p{L}\\p{N}\\p{M}\\u200c\\u200d]";
const CLITIC = "(?:[sS]|[dD]|[mM]|[lL][lL]|[rR][eE]|[vV][eE])";
const NEGATION = new RegExp(`(?<=${PLAIN})([nN]['’][tT])(?!${PLAIN})`, "gu");
const WORD = new RegExp([
  "<unk>",
  `[nN]['’][tT](?!${LETTER})`,
  "\\p{Nd}+(?:[.,]\\p{Nd}+)+",
  `${LETTER}+(?:(?:-|['’](?!${CLITIC}(?!${LETTER})))${LETTER}+)*`,
  `['’]${CLITIC}(?!${LETTER})`,
  "\\.{2,}|-{2,}",
  `[^${SPACE}]`,
].join("|"), "gu");
const bytes = line => Array.from(new TextEncoder().encode(line), byte =>
  byte < 0x80 ? String.fromCharCode(byte) : `<0x${byte.toString(16).toUpperCase()}>`);
const wordsOf = line => line.split(/[ \t\n\v\f\r]+/u).filter(word => word);

const CUT = {
  words(line) {
    if (/n't|n’t|N'T/u.test(line)) line = line.replace(NEGATION, " $1");
    return line.match(WORD) || [];
  },
  whitespace: wordsOf,
  characters: line => line.match(/<unk>|[^]/gu) || [],
  bytes,
};

function tokensOf(text, settings) {
  const lines = text.replaceAll("\r\n", "\n").split("\n"), rest = lines.pop();
  const tokens = [];
  for (const line of lines) {
    if (BLANK.test(line) && !settings.blank_lines) continue;
    const found = tokensOfLine(line, settings);
    tokens.push(...found, ...(found.at(-1) === "<eos>" ? [] : ["<eos>"]));
  }
  return tokens.concat(tokensOfLine(rest, settings));
}

function tokensOfLine(line, settings) {
  let after = [];
  if (line.includes("<") || line.includes("[")) {
    const words = wordsOf(line), known = word => settings.markers.includes(word.toLowerCase());
    let first = 0, last = words.length;
    while (first < last && known(words[first])) first++;
    while (last > first && known(words[last - 1])) last--;
    if (first || last < words.length) {
      after = words.slice(last);
      line = words.slice(first, last).join(" ");
    }
  }
  if (settings.normalize === "nfc") line = line.normalize("NFC");
  if (settings.lowercase) line = line.toLowerCase();
  const ended = after.some(word => settings.ends.includes(word.toLowerCase()));
  return [...(line ? CUT[settings.tokens](line) : []), ...(ended ? ["<eos>"] : [])];
}

function separated(separator) {
  let next = "";
  return {add(token) { const text = next + token; next = separator; return text; }, finish: () => ""};
}

function joinedBytes() {
  const decoder = new TextDecoder();
  return {
    add(token) {
      const byte = /^<0x([0-9A-F]{2})>$/u.exec(token);
      return decoder.decode(byte ? Uint8Array.of(parseInt(byte[1], 16)) : new TextEncoder().encode(token), {stream: true});
    },
    finish: () => "",
  };
}

const OPENING = new Set("([{“‘«¿¡$£€"), CLOSING = new Set(".,;:!?)]}”’»%…"), QUOTES = new Set("\"'");
const ATTACHED = new RegExp(`^(?:\\.*|[nN]['’][tT]|['’]${CLITIC})$`, "u");

function joinedWords() {
  let before = "", held = false, afterOpening = true;
  const open = new Set();
  function write(token, {opens = false, closes = false}) {
    if (opens && QUOTES.has(token)) open.add(token);
    const text = afterOpening || closes ? token : ` ${token}`;
    afterOpening = opens;
    return text;
  }
  return {
    add(token) {
      const text = held ? write(before, {opens: true}) : "", previous = before;
      before = token;
      held = false;
      if (!QUOTES.has(token)) {
        return text + write(token, {opens: OPENING.has(token), closes: CLOSING.has(token) || ATTACHED.test(token)});
      }
      if (open.has(token) || token === "'" && previous.endsWith("s")) {
        open.delete(token);
        return text + write(token, {closes: true});
      }
      held = previous !== "";
      return held ? text : text + write(token, {opens: true});
    },
    finish: () => held ? write(before, {closes: true}) : "",
  };
}

const JOINERS = {words: joinedWords, whitespace: () => separated(" "), characters: () => separated(""), bytes: joinedBytes};

// What weights.py's as_characters packed: {bytes, text} to the bytes that were squeezed.
const unpacked = packed => inflated(bytesOf(packed));

globalThis.RnnLm = {load, random, unpacked};
})();
