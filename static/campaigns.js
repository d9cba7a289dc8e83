// Campaigns: how far they are is fetched again while they go on, and so are the buttons that fit.
"use strict";

const SECONDS = 4;
const LIST_SECONDS = 12;

const fetchText = async (url) => {
  // A redirect is the login: the session is over.
  const answer = await fetch(url, { redirect: "error", cache: "no-store" });
  return answer.ok ? answer.text() : "";
};

const buttonsOf = (page) => page.querySelector('a[href$="/export/"]')?.closest("ul");

// Whoever sees the page keeps their place in it: only the buttons are taken from the new one.
const renewButtons = async () => {
  const html = await fetchText(location.href);
  const renewed = buttonsOf(new DOMParser().parseFromString(html, "text/html"));
  if (renewed) buttonsOf(document)?.replaceChildren(...renewed.children);
};

const renewProgress = async (shown) => {
  const html = await fetchText(shown.dataset.reload);
  if (html) shown.outerHTML = html;
  const acts = document.querySelector("[data-reload]").dataset.acts;
  if (acts !== shown.dataset.acts) await renewButtons();
};

const renewList = async (list) => {
  if (list.querySelector("input:checked")) return;
  const html = await fetchText(location.href);
  const renewed = new DOMParser().parseFromString(html, "text/html").querySelector("#result_list");
  if (renewed) list.replaceWith(renewed);
};

const again = async () => {
  const shown = document.querySelector("[data-reload][data-live]");
  const list = document.querySelector("#result_list");
  if (!shown && !list) return;
  if (!document.hidden) {
    try {
      await (shown ? renewProgress(shown) : renewList(list));
    } catch {
      // The network is away: ask again.
    }
  }
  setTimeout(again, (shown ? SECONDS : LIST_SECONDS) * 1000);
};

document.addEventListener("DOMContentLoaded", () => setTimeout(again, SECONDS * 1000));
