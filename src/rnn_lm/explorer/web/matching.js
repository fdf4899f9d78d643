// Units that are on over a phrase and other places with the same pattern: rnn_lm/explorer/patterns.py, over bytes. No
// page here. A sample is {raw: Int8Array (tokens x units), scale, shape: [tokens, units], stretch}.
//
//   const on = Explorer.onBits(sample, threshold)               a bit for each token and column: 2 x units, above and below
//   const pattern = Explorer.patternOver(on, first, last, edges)
//   Explorer.findMatches(on, sample.stretch, pattern, last - first + 1, edges, 20)     [{position, shared, others}]
(function () {
"use strict";
const E = globalThis.Explorer;

// Where units are on: for at least the threshold column u, for at most minus that column units + u; 32 to a number.
function onBits({raw, scale, shape: [tokens, units]}, threshold) {
  const width = Math.ceil(2 * units / 32), bits = new Uint32Array(tokens * width);
  // A unit's value is raw * scale: the least raw that reaches the threshold, as float32 has the product.
  const least = scale ? new Int16Array(units) : new Float32Array(units);
  for (let unit = 0; unit < units; unit++) {
    const step = scale ? scale[unit] : 1;
    if (!scale) { least[unit] = threshold; continue; }
    least[unit] = 128;
    for (let value = 127; value > -128 && Math.fround(value * step) >= threshold; value--) least[unit] = value;
  }
  for (let token = 0, at = 0; token < tokens; token++) {
    const row = token * width;
    for (let unit = 0; unit < units; unit++, at++) {
      const value = raw[at];
      if (value >= least[unit]) bits[row + (unit >> 5)] |= 1 << (unit & 31);
      if (-value >= least[unit]) bits[row + (units + unit >> 5)] |= 1 << (units + unit & 31);
    }
  }
  return {bits, width, tokens, units};
}

function count(value) {
  value -= value >>> 1 & 0x55555555;
  value = (value & 0x33333333) + (value >>> 2 & 0x33333333);
  return Math.imul(value + (value >>> 4) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

// The columns that are on at all tokens of a phrase, 32 to a number, in `into`; with edges, off before and after it.
function throughout({bits, width, tokens}, first, length, stretch, edges, into) {
  for (let word = 0; word < width; word++) into[word] = bits[first * width + word];
  for (let token = first + 1; token < first + length; token++) {
    for (let word = 0; word < width; word++) into[word] &= bits[token * width + word];
  }
  if (!edges) return;
  const after = first + length;
  if (first % stretch > 0) for (let word = 0; word < width; word++) into[word] &= ~bits[(first - 1) * width + word];
  if (after % stretch > 0 && after < tokens) for (let word = 0; word < width; word++) into[word] &= ~bits[after * width + word];
}

function patternOver(on, first, last, edges, stretch = on.tokens) {
  const found = new Uint32Array(on.width), columns = [];
  throughout(on, first, last - first + 1, stretch, edges, found);
  for (let column = 0; column < 2 * on.units; column++) if (found[column >> 5] >>> (column & 31) & 1) columns.push(column);
  return columns;
}

function findMatches(on, stretch, pattern, length, edges, most = 20) {
  const {width, tokens} = on, wanted = new Uint32Array(width), found = new Uint32Array(width);
  for (const column of pattern) wanted[column >> 5] |= 1 << (column & 31);
  const places = [];
  for (let first = 0; first + length <= tokens; first++) {
    if (first % stretch + length > stretch) continue;
    throughout(on, first, length, stretch, edges, found);
    let shared = 0, all = 0;
    for (let word = 0; word < width; word++) {
      if (!found[word]) continue;
      shared += count(found[word] & wanted[word]);
      all += count(found[word]);
    }
    if (shared) places.push({position: first, shared, others: all - shared});
  }
  places.sort((a, b) => b.shared - a.shared || a.others - b.others || a.position - b.position);
  const taken = new Uint8Array(tokens), matches = [];
  for (const place of places) {
    if (matches.length === most) break;
    let free = true;
    for (let token = place.position; token < place.position + length; token++) if (taken[token]) free = false;
    if (!free) continue;
    taken.fill(1, place.position, place.position + length);
    matches.push(place);
  }
  return matches;
}

// The value that a tenth of all numbers reach: where units are on by default.
function usualThreshold({raw, scale, shape: [tokens, units]}, share = 0.1) {
  const sampled = [], step = Math.max(1, Math.floor(raw.length / 50000));
  for (let at = 0; at < raw.length; at += step) sampled.push(Math.abs(raw[at] * (scale ? scale[at % units] : 1)));
  sampled.sort((a, b) => b - a);
  return sampled[Math.floor(share * sampled.length)] || 0;
}

// Numbers of units: "12 40-60" to a set; null: all.
function unitsNamed(text, units) {
  const found = new Set(), parts = text.split(/[\s,]+/u).filter(part => part);
  if (!parts.length) return null;
  for (const part of parts) {
    const match = /^(\d+)(?:[-–](\d+))?$/u.exec(part);
    if (!match) return "numbers of units and ranges, such as 12 40-60";
    const last = Math.min(Number(match[2] ?? match[1]), units - 1);
    for (let unit = Number(match[1]); unit <= last; unit++) found.add(unit);
  }
  return found.size ? found : `the units are 0 to ${units - 1}`;
}

Object.assign(E, {onBits, patternOver, findMatches, usualThreshold, unitsNamed});
})();
