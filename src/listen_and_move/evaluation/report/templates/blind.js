"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const name = "listen-and-move blind " + data.page;
const by = id => document.getElementById(id);
const votes = kept();
let at = 0;

function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(name) || "[]");
    const known = vote => vote && Number.isInteger(vote.pair) && vote.pair >= 0
      && vote.pair < data.pairs.length && [0, 1, 2].includes(vote.choice);
    return new Map(found.filter(known).map(vote => [vote.pair, vote.choice]));
  } catch { return new Map(); }
}

function listed() {
  return [...votes].map(([pair, choice]) => ({pair, choice}));
}

function keep() {
  try { localStorage.setItem(name, JSON.stringify(listed())); } catch { /* they can still be saved */ }
}

function show() {
  const over = at >= data.pairs.length;
  by("vote").hidden = over;
  by("done").hidden = !over;
  if (over) { by("first").pause(); by("second").pause(); return; }
  by("progress").textContent = `${at + 1} of ${data.pairs.length}`;
  const films = [by("first"), by("second")];
  films.forEach((film, side) => {
    film.src = "data:video/mp4;base64," + data.clips[data.pairs[at][side]];
  });
  const asked = at;
  const ready = films.map(film => new Promise(done => { film.oncanplaythrough = done; }));
  Promise.all(ready).then(() => {
    if (asked !== at) return;
    films.forEach(film => {
      film.oncanplaythrough = null;
      film.currentTime = 0;
      film.play().catch(() => {});
    });
  });
}

function vote(choice) {
  if (by("vote").hidden) return;
  votes.set(at, choice);
  keep();
  at += 1;
  show();
}

function back() {
  if (by("start").hidden && at > 0) { at -= 1; show(); }
}

by("start").onclick = () => {
  by("start").hidden = true;
  while (votes.has(at)) at += 1;
  show();
};
document.querySelectorAll("[data-choice]").forEach(button => {
  button.onclick = () => { vote(Number(button.dataset.choice)); button.blur(); };
});
by("back").onclick = back;
addEventListener("keydown", event => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (["0", "1", "2"].includes(event.key)) vote(Number(event.key));
  if (event.key === "Backspace") back();
});
by("save").onclick = () => {
  const text = JSON.stringify({format: data.format, page: data.page, votes: listed()});
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "votes.json";
  link.click();
};
