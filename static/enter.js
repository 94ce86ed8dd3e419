// A single-use link carries its secret behind the #, which browsers never send. Put it into
// the form, and take it out of the address bar and the history.
"use strict";

(function () {
  const field = document.getElementById("secret");
  const secret = window.location.hash.slice(1);
  if (!field || !secret) {
    return;
  }
  field.value = secret;
  window.history.replaceState(null, "", window.location.pathname);
  const filled = document.getElementById("secret-filled");
  if (filled) {
    filled.hidden = false;
  }
  const next = document.getElementById("continue");
  if (next) {
    next.focus();
  }
})();
