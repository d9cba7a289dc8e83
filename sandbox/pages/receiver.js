"use strict";

// Puts what comes on top of the receiver's list.

const PAUSE = 1500; // milliseconds between two looks
const list = document.querySelector("[data-feed]");
const nothing = list.parentElement.querySelector("p.quiet");
const most = Number(list.dataset.rows);
let last = Number(list.dataset.last);

async function look() {
  const answer = await fetch(`${list.dataset.feed}?after=${last}`);
  if (!answer.ok) return;
  const news = await answer.json();
  if (news.last <= last) return;
  last = news.last;
  list.insertAdjacentHTML("afterbegin", news.html);
  nothing.hidden = list.childElementCount > 0;
  while (list.childElementCount > most) list.lastElementChild.remove();
}

async function watch() {
  for (;;) {
    await new Promise((resolve) => { setTimeout(resolve, PAUSE); });
    if (!document.hidden) await look().catch(() => {});
  }
}

watch();
