// Three words, after every key: those that go on from the word that is being typed, by what stands before it.
"use strict";

class Keyboard {
  constructor(model) {
    this.model = model;
    this.start = model.read(model.eos, model.start());
    this.ids = [];
    this.read = [];  // after each of ids: a key more or less reads one word at most
  }

  // The words to offer: {word, begun}, `begun` being how many of its letters are there already.
  offers(text, count = 3) {
    const begun = /[\p{L}\p{N}]*$/u.exec(text)[0], before = text.slice(0, text.length - begun.length);
    const letters = this.model.head.text.lowercase ? begun.toLowerCase() : begun;
    const {logProbabilities} = this.after(this.model.encode(before));
    const fitting = logProbabilities.map((value, id) => {
      const word = this.model.words[id];
      return word.startsWith(letters) && word.length > letters.length && /^[\p{L}\p{N}]/u.test(word) ? value : -Infinity;
    });
    return this.model.best(fitting, count).filter(({logProbability}) => logProbability > -Infinity)
      .map(({word}) => ({word, begun: begun.length}));
  }

  after(ids) {
    let same = 0;
    while (same < ids.length && this.ids[same] === ids[same]) same++;
    this.read.length = same;
    for (const id of ids.slice(same)) this.read.push(this.model.read(id, (this.read.at(-1) || this.start).state));
    this.ids = ids;
    return this.read.at(-1) || this.start;
  }
}

async function begin() {
  const text = document.getElementById("text"), offers = document.getElementById("offers");
  const keyboard = new Keyboard(await RnnLm.load(globalThis.RNN_LM_MODEL));
  function show() {
    offers.replaceChildren(...keyboard.offers(text.value).map(({word, begun}) => {
      const button = document.createElement("button");
      button.textContent = word;
      button.addEventListener("click", () => {
        const space = begun || !text.value || /\s$/u.test(text.value) ? "" : " ";
        text.value += `${space}${word.slice(begun)} `;
        text.focus();
        show();
      });
      return button;
    }));
  }
  text.addEventListener("input", show);
  show();
  return keyboard;
}

globalThis.keyboard = begin();
