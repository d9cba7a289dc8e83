// A page between us and WeChat goes on by itself: to the link it holds, or once the page it asks
// for has stopped waiting. The form before it offers the phone first on a phone.
"use strict";

// No computer's screen is so small, whatever the browser calls itself.
const onPhone = document.querySelector('form.bind input[name="device"][value="phone"]');
if (onPhone && Math.min(screen.width, screen.height) < 600) onPhone.checked = true;

const link = document.querySelector("a[data-navigate]");
if (link) location.replace(link.href);

const waiting = document.querySelector("[data-poll]");
if (waiting) setTimeout(ask, 2000, waiting.dataset.poll);

async function ask(url) {
  try {
    // What leads elsewhere is no page that waits: no script may read it, but the browser goes there.
    const answer = await fetch(url, { cache: "no-store", redirect: "manual" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.status < 500 && !page.querySelector("[data-poll]")) {
      location.replace(url);
      return;
    }
  } catch {
    // The network is away: ask again.
  }
  setTimeout(ask, 3000, url);
}
