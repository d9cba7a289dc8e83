// A campaign's page: its progress is fetched again while it goes on; the whole page once other
// buttons fit.
"use strict";

const SECONDS = 4;

const again = async () => {
  const shown = document.querySelector("[data-reload][data-live]");
  if (!shown) return;
  if (!document.hidden) {
    try {
      // A redirect is the login: the session is over.
      const answer = await fetch(shown.dataset.reload, { redirect: "error", cache: "no-store" });
      if (answer.ok) shown.outerHTML = await answer.text();
      if (document.querySelector("[data-reload]").dataset.acts !== shown.dataset.acts) {
        location.reload();
        return;
      }
    } catch {
      // The network is away: ask again.
    }
  }
  setTimeout(again, SECONDS * 1000);
};

document.addEventListener("DOMContentLoaded", () => setTimeout(again, SECONDS * 1000));
