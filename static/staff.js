// Staff pages: copy buttons, pieces that are asked of WeChat after the page is there, and pictures
// that cannot be loaded; and what those need who see or point differently.
"use strict";

const PATIENCE = 60_000;
const TRIES = 3;  // where too many others wait for WeChat

// Its style sheet has these already, and our content security policy refuses a style in the page.
htmx.config.includeIndicatorStyles = false;

document.addEventListener("click", (event) => {
  const button = event.target.closest(".staff-copy button");
  if (!button) return;
  const field = button.parentElement.querySelector("input, textarea");
  field.select();
  const done = () => { button.textContent = button.dataset.copied; };
  // The clipboard is closed to pages without https; the selection is the way round.
  if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(done);
  else if (document.execCommand("copy")) done();
});

// An avatar gives way to the letter below it; another picture to a word.
document.addEventListener("error", (event) => {
  if (!event.target.matches?.(".staff-avatar img, .staff-qr")) return;
  event.target.replaceWith(event.target.dataset.failed ?? "");
}, true);

// What scrolls is reached by the keyboard too, and a field in a table is called as its column is.
const makeReachable = () => {
  for (const box of document.querySelectorAll(".staff-table, .staff-json, .readonly")) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls) box.tabIndex = 0;
  }
  for (const field of document.querySelectorAll("td :is(input, select, textarea)")) {
    if (field.type === "hidden" || field.labels.length || field.ariaLabel) continue;
    const cell = field.closest("td");
    const heads = cell.closest("table").tHead?.rows[0].cells ?? [];
    field.ariaLabel = cell.dataset.label || heads[cell.cellIndex]?.textContent.trim() || field.title;
  }
  // Cards on phones leave out what a row has not.
  for (const cell of document.querySelectorAll("#result_list td")) {
    const text = cell.textContent.trim();
    if (/^[-–]$/.test(text) || !(text || cell.children.length)) cell.classList.add("is-empty");
  }
  // select2 hides the field that the label is of, and calls its own after it.
  for (const shown of document.querySelectorAll(".select2-selection__rendered")) {
    const field = document.getElementById(shown.id.replace(/^select2-|-container$/g, ""));
    shown.ariaLabel = field?.labels?.[0]?.textContent.trim() || field?.ariaLabel || null;
  }
};

// A template that is chosen fills in its version and description, unless somebody wrote others.
document.addEventListener("change", (event) => {
  const list = event.target.closest("select:has(option[data-version])");
  if (!list) return;
  for (const [name, kept] of [["user_version", "version"], ["user_desc", "description"]]) {
    const field = list.form.elements[name];
    const offered = [...list.options].map((option) => option.dataset[kept]);
    const isOurs = field && (!field.value.trim() || offered.includes(field.value));
    if (isOurs) field.value = list.selectedOptions[0].dataset[kept] ?? field.value;
  }
});

const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

const ask = async (url, tries = TRIES) => {
  // A redirect is the login: the session is over.
  const answer = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(PATIENCE) });
  if (answer.status !== 503 || tries === 1) return answer;
  await pause(Number(answer.headers.get("Retry-After")) || 1);
  return ask(url, tries - 1);
};

const load = async (place) => {
  try {
    const answer = await ask(place.dataset.load);
    if (!answer.ok) throw new Error(answer.statusText);
    place.innerHTML = await answer.text();
  } catch {
    (place.querySelector("[data-waiting]") ?? place).textContent = place.dataset.failed;
  }
};

document.addEventListener("DOMContentLoaded", () => {
  // What counts the others' answers is asked for once they are there.
  const places = [...document.querySelectorAll("[data-load]")];
  const isLast = (place) => "last" in place.dataset;
  const others = places.filter((place) => !isLast(place)).map(load);
  Promise.allSettled(others).then(() => places.filter(isLast).forEach(load));
  makeReachable();
  // Pieces come later, and select2 whenever it is ready.
  new MutationObserver(makeReachable).observe(document.body, { childList: true, subtree: true });
});
window.addEventListener("load", makeReachable);
