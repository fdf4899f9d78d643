// The text, the models and the tabs: what is read is read once, and every tab shows the same word.
(function () {
"use strict";
const E = globalThis.Explorer, {$, make} = E;
E.state = {about: null, text: "", reading: null, chosen: null, tab: "read"};
let asked = 0;

E.choose = index => {
  E.state.chosen = index;
  E.tabs[E.state.tab].choose(index);
};

E.say = message => { $("status").textContent = message; };

E.showTab = name => {
  E.state.tab = name;
  for (const each of Object.keys(E.tabs)) {
    $(each).hidden = each !== name;
    $(`tab-${each}`).setAttribute("aria-selected", each === name);
    $(`tab-${each}`).tabIndex = each === name ? 0 : -1;
  }
  return E.tabs[name].show();
};

// Read what stands in the box; a later call makes an earlier one's answer void.
E.read = async () => {
  const mine = ++asked, text = $("text").value;
  if (!text.trim()) return E.say("There is no word in the text: type some.");
  E.say("reading …");
  try {
    const reading = await E.source.ask("read", {text});
    if (mine !== asked) return;
    const before = E.state;
    E.state = {...before, text, reading, chosen: before.text === text ? before.chosen : null};
    E.say("");
    await E.tabs[E.state.tab].show();
  } catch (error) {
    if (mine === asked) E.say(`That could not be read: ${error.message}`);
  }
};

function keys(event) {
  const names = Object.keys(E.tabs), at = names.indexOf(E.state.tab);
  const to = {ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: names.length - 1}[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const name = names[(to + names.length) % names.length];
  $(`tab-${name}`).focus();
  E.showTab(name);
}

async function begin() {
  try {
    E.state.about = await E.source.ask("about");
  } catch (error) {
    $("failed").hidden = false;
    $("failed").textContent = `The page cannot begin: ${error.message}`;
    $("facts").textContent = "";
    throw error;
  }
  const {models, texts} = E.state.about;
  document.title = `${models.map(model => model.name).join(", ")}: looked into`;
  $("facts").textContent = `${models.map(model => `${model.name} (${model.kind}, ${E.whole(model.vocabulary)} ${model.tokens})`).join("; ")}. `
    + "Nothing that you type leaves this machine.";
  for (const [name, tab] of Object.entries(E.tabs)) {
    tab.build($(name));
    tab.begin();
    $(`tab-${name}`).addEventListener("click", () => E.showTab(name));
  }
  $("tabs").addEventListener("keydown", keys);
  $("texts-setting").hidden = texts.length < 2;
  E.refill($("texts"), texts.map((text, index) => [index, text.length > 46 ? `${text.slice(0, 45)}…` : text]));
  $("texts").addEventListener("change", () => { $("text").value = texts[$("texts").value]; E.read(); });
  $("asking").addEventListener("submit", event => { event.preventDefault(); E.read(); });
  $("text").addEventListener("keydown", event => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); E.read(); }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => E.tabs[E.state.tab].show());
  addEventListener("resize", () => { if (E.state.tab === "cells") E.tabs.cells.show(); });
  $("text").value = texts[0] || "";
  if (texts.length) await E.read(); else E.say("Type a text, and read it.");
  return E;
}

E.ready = begin();
})();
