// Buttons that copy. Without a script, or where the clipboard is closed to us, they are not there.
"use strict";

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = button.dataset.done;
    } catch {
      // Some browsers ask, and may be told no: what is to be copied can be marked by hand.
      button.textContent = button.dataset.failed;
    }
  });
}
