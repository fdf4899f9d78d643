// Read: every word coloured by how surprising it was; at a word, what was expected there, and what the n-gram had seen.
(function () {
"use strict";
const E = globalThis.Explorer;
const {$, make, words, bars, legend, percent, whole, signed, shown, spoken} = E;
const MEASURES = [["surprisal", "surprisal"], ["entropy", "entropy"], ["rank", "rank"], ["difference", "difference of surprisals"]];

function build(panel) {
  const pick = () => show();
  panel.append(make("div", {class: "settings"},
    E.chooser("read-model", "Model", [], pick), E.chooser("read-measure", "Colour by", MEASURES, pick),
    E.chooser("read-against", "Less that of", [], pick)),
  make("div", {class: "two"},
    make("div", {}, make("div", {id: "read-words"}), make("div", {id: "read-legend"}), make("p", {id: "read-sum", class: "muted"})),
    make("div", {id: "read-detail", "aria-live": "polite"})));
}

function begin() {
  const options = E.state.about.models.map((model, number) => [number, model.name]);
  E.refill($("read-model"), options);
  E.refill($("read-against"), options);
  if (options.length > 1) $("read-against").value = "1";
  else $("read-measure").querySelector("option[value=difference]").remove();
}

// By how many bits each token surprised one model more than another; null where either does not know the word. Only of
// texts that both cut into the same tokens: else null in all.
function differences(one, other) {
  const folded = reading => reading.tokens.map(token => token.toLowerCase()).join("\n");
  if (folded(one) !== folded(other)) return null;
  const unknown = new Set([...one.unknown, ...other.unknown]);
  return one.surprisal.map((bits, index) => unknown.has(index) ? null : bits - other.surprisal[index]);
}

function show() {
  const {reading, about} = E.state;
  if (!reading) return;
  const number = Number($("read-model").value), measure = $("read-measure").value, found = reading.models[number];
  $("read-against").parentElement.hidden = measure !== "difference";
  if (found.error) return fail(found.error);
  const unknown = new Set(found.unknown);
  let each, key;
  if (measure === "difference") {
    const against = Number($("read-against").value), other = reading.models[against];
    const bits = other.error ? null : differences(found, other);
    if (!bits) return fail(other.error || `${about.models[number].name} and ${about.models[against].name} cut the text `
      + "into different tokens: word by word they cannot be compared.");
    each = index => bits[index] === null ? {nothing: true, unknown: unknown.has(index), label: "not compared: a model does not know it", note: "–"}
      : {share: Math.abs(bits[index]) / 6, low: bits[index] < 0, note: signed(bits[index], 1), label: `${signed(bits[index], 1)} bits`, unknown: unknown.has(index)};
    key = legend("both", `${about.models[number].name} less surprised`, "more surprised", " Full colour at 6 bits. Striped: a model does not know the word.");
  } else if (measure === "rank") {
    const most = Math.log2(about.models[number].vocabulary);
    each = index => ({share: Math.log2(found.rank[index]) / most, note: whole(found.rank[index]), label: `rank ${found.rank[index]}`, unknown: unknown.has(index)});
    key = legend("one", "the first guess", `the last of ${whole(about.models[number].vocabulary)}`, " On a scale of doublings.");
  } else {
    const most = measure === "surprisal" ? 16 : 10;
    each = index => ({share: found[measure][index] / most, note: found[measure][index].toFixed(1),
      label: `${found[measure][index].toFixed(1)} bits`, unknown: unknown.has(index)});
    key = legend("one", "0 bits", `${most} bits`, measure === "surprisal" ? " One bit is a coin's toss, ten one in a thousand."
      : " How open it was what would come, before the word came: 10 bits are a thousand equal choices.");
  }
  words($("read-words"), found.tokens, {chosen: E.state.chosen, each, choose: E.choose, name: `The text, by ${measure}`});
  $("read-legend").replaceChildren(key);
  const bits = found.surprisal.reduce((sum, value) => sum + value, 0);
  $("read-sum").textContent = `${whole(found.tokens.length)} tokens, ${bits.toFixed(1)} bits: perplexity `
    + `${(2 ** (bits / found.tokens.length)).toFixed(1)}.${unknown.size ? ` ${unknown.size} not in the vocabulary (dotted), read as <unk>.` : ""}`;
  showDetail();
}

function fail(message) {
  $("read-words").replaceChildren();
  $("read-legend").replaceChildren(make("p", {class: "failed"}, message));
  $("read-sum").textContent = "";
  showDetail();
}

// What each model expected at the chosen word. Models that cut the text otherwise have other words there: of those, the
// place is not known.
function showDetail() {
  const {reading, about, chosen} = E.state, number = Number($("read-model").value), own = reading.models[number];
  if (own.error || chosen === null || chosen >= own.tokens.length) {
    $("read-detail").replaceChildren(make("h2", {}, "At a word"), make("p", {class: "muted"}, "Choose a word: what was expected in its place is shown here."));
    return;
  }
  const word = own.tokens[chosen], parts = [make("h2", {}, `In the place of “${shown(word)}”`)];
  const cards = about.models.map((model, index) => {
    const found = reading.models[index];
    if (found.error || found.tokens.length !== own.tokens.length) return null;
    const items = found.top[chosen].map(([candidate, share]) => ({word: candidate, share, came: candidate === vocabularyForm(found, chosen)}));
    const facts = `${found.surprisal[chosen].toFixed(1)} bits, rank ${whole(found.rank[chosen])}, entropy ${found.entropy[chosen].toFixed(1)} bits`;
    return make("div", {}, make("h3", {}, model.name), make("p", {class: "muted"}, found.unknown.includes(chosen)
      ? `does not know this word; <unk>: ${facts}` : facts), bars(items, {"aria-label": `${model.name} expected`}));
  });
  parts.push(make("div", {class: "cards"}, ...cards));
  about.models.forEach((model, index) => {
    const found = reading.models[index];
    if (found.seen && found.tokens.length === own.tokens.length) parts.push(seen(model.name, found, chosen));
  });
  $("read-detail").replaceChildren(...parts);
}

const vocabularyForm = (found, place) => found.unknown.includes(place) ? "<unk>" : found.tokens[place];

function seen(name, found, place) {
  const contexts = found.seen[place], word = shown(found.tokens[place]);
  const list = contexts.map(({context, followers, count, top, came}) => {
    const often = count === null ? "Seen" : `Seen ${count === 1 ? "once" : `${whole(count)} times`}`;
    const then = top.map(([candidate, share, times]) => `${shown(candidate)} ${times === null ? percent(share) : whole(times)}`).join(", ");
    const here = came === null ? `“${word}” never.` : came[1] === null ? `“${word}” among them.` : `“${word}” ${came[1] === 1 ? "once" : `${whole(came[1])} times`}.`;
    return make("li", {}, make("b", {}, context.map(shown).join(" ")), ` ${often}, then ${followers === 1 ? "one word" : `${whole(followers)} different words`}: ${then}${followers > top.length ? ", …" : ""}. ${here}`);
  });
  const longest = contexts.length ? contexts[0].context.length : 0;
  return make("div", {}, make("h3", {}, `What ${name} had seen`), make("p", {class: "muted"}, longest
    ? `The longest context that it knew is ${longest === 1 ? "one token" : `${longest} tokens`} long; behind each word, how often it followed.`
    : "Nothing of what stands before it."), make("ol", {class: "seen"}, ...list));
}

E.tabs = {...E.tabs, read: {build, begin, show, choose: () => { E.press($("read-words"), E.state.chosen); showDetail(); }}};
Object.assign(E, {differences});
})();
