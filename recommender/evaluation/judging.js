"use strict";
(function () {
  const cards = Array.from(document.querySelectorAll("fieldset[data-article]"));
  const form = document.querySelector("form");
  const judge = document.getElementById("judge");
  const done = document.getElementById("done");
  const said = document.getElementById("said");
  const kept = "recommender-marks-" + form.dataset.sheet;
  let at = 0;

  function gradeOf(card) {
    const chosen = card.querySelector("input:checked");
    return chosen ? Number(chosen.value) : null;
  }

  function marks() {
    return cards
      .map((card) => ({ query: card.dataset.query, article: card.dataset.article, grade: gradeOf(card) }))
      .filter((mark) => mark.grade !== null);
  }

  function keep() {
    done.textContent = marks().length + " of " + cards.length;
    try {
      localStorage.setItem(kept, JSON.stringify({ judge: judge.value, marks: marks() }));
    } catch (refused) {
      said.textContent = "This browser keeps nothing: save before you close the page.";
    }
  }

  function restore() {
    let before = null;
    try {
      before = JSON.parse(localStorage.getItem(kept));
    } catch (refused) {
      before = null;
    }
    if (!before || !Array.isArray(before.marks)) return;
    judge.value = before.judge || "";
    for (const mark of before.marks) {
      const card = cards.find((c) => c.dataset.query === mark.query && c.dataset.article === mark.article);
      const input = card && Array.from(card.querySelectorAll("input")).find((i) => Number(i.value) === mark.grade);
      if (input) input.checked = true;
    }
  }

  function go(to) {
    cards[at].classList.remove("now");
    at = Math.max(0, Math.min(cards.length - 1, to));
    cards[at].classList.add("now");
    cards[at].scrollIntoView({ block: "center" });
  }

  function nextOpen() {
    for (let step = 1; step <= cards.length; step += 1) {
      const place = (at + step) % cards.length;
      if (gradeOf(cards[place]) === null) return place;
    }
    said.textContent = "All are marked: save the file.";
    return at;
  }

  function grade(value) {
    const input = Array.from(cards[at].querySelectorAll("input")).find((i) => i.value === value);
    if (!input) return;
    input.checked = true;
    keep();
    go(nextOpen());
  }

  function clear() {
    for (const input of cards[at].querySelectorAll("input")) input.checked = false;
    keep();
  }

  function save() {
    if (!judge.value.trim()) {
      said.textContent = "Write your name first: marks of several people are told apart by it.";
      judge.focus();
      return;
    }
    const file = {
      form: "recommender-marks", version: 1, sheet: form.dataset.sheet, judge: judge.value.trim(), marks: marks(),
    };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }));
    link.download = "marks-" + file.judge.replace(/[^\p{L}\p{N}]+/gu, "-") + ".json";
    link.click();
    said.textContent = "Saved " + file.marks.length + " marks as " + link.download + ".";
  }

  document.addEventListener("keydown", (event) => {
    if (event.target === judge || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if ("0123".includes(key)) grade(key);
    else if (key === "j" || key === "arrowdown") go(at + 1);
    else if (key === "k" || key === "arrowup") go(at - 1);
    else if (key === "n") go(nextOpen());
    else if (key === "u") clear();
    else if (key === "s") save();
    else return;
    event.preventDefault();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("change", keep);
  judge.addEventListener("input", keep);
  document.getElementById("save").addEventListener("click", save);
  cards.forEach((card, place) => card.addEventListener("click", () => go(place)));
  restore();
  keep();
  if (cards.length) go(0);
})();
