// Staff pages: copy buttons, and avatars that cannot be loaded give way to the letter below them.
"use strict";

document.addEventListener("click", (event) => {
  const button = event.target.closest(".staff-copy button");
  if (!button) return;
  const field = button.parentElement.querySelector("input");
  field.select();
  const done = () => { button.textContent = button.dataset.copied; };
  // The clipboard is closed to pages without https; the selection is the way round.
  if (navigator.clipboard) navigator.clipboard.writeText(field.value).then(done);
  else if (document.execCommand("copy")) done();
});

document.addEventListener("error", (event) => {
  if (event.target.matches?.(".staff-avatar img, .staff-qr")) event.target.remove();
}, true);
