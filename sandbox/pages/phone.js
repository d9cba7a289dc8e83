"use strict";

// Keeps a phone page up to date, and sends without loading it anew.

const PAUSE = 700; // milliseconds between two looks
const device = document.querySelector("[data-feed]");
const log = device.querySelector("[role=log]");
const problemLine = device.querySelector("[role=alert]");
const typing = device.querySelector(".typing");
const left = device.querySelector(".window");
let last = Number(device.dataset.last);
let looking = null;

function look() {
  looking ??= fetchLines().finally(() => { looking = null; });
  return looking;
}

async function fetchLines() {
  const answer = await fetch(`${device.dataset.feed}&after=${last}`);
  if (!answer.ok) return;
  const news = await answer.json();
  typing.hidden = !news.typing;
  left.textContent = news.window;
  if (news.last <= last) return;
  last = news.last;
  log.insertAdjacentHTML("beforeend", news.html);
  log.scrollTop = log.scrollHeight;
}

async function send(event) {
  const form = event.target;
  if (!form.matches("[data-send]")) return;
  event.preventDefault();
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { Accept: "application/json" },
    body: new URLSearchParams(new FormData(form, event.submitter)),
  });
  const { problem } = await answer.json();
  problemLine.textContent = problem || "";
  const box = form.querySelector("[name=content]:not([type=hidden])");
  if (!problem && box) box.value = "";
  await looking;
  await look();
}

async function watch() {
  for (;;) {
    await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
    if (!document.hidden) await look().catch(() => {});
  }
}

device.addEventListener("submit", send);
device.querySelector(".person select").addEventListener("change", (event) => {
  event.target.form.submit();
});
log.scrollTop = log.scrollHeight;
watch();
