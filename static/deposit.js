// Shows how far a deposit is. Without this script the form works as it is.
"use strict";

(function () {
  const form = document.getElementById("deposit");
  const progress = document.getElementById("progress");
  const bar = document.getElementById("progress-bar");
  const told = document.getElementById("progress-text");
  if (!form || !progress || !bar || !told || !window.FormData) {
    return;
  }
  const button = form.querySelector("button[type=submit]");

  function tell(text, isError) {
    told.textContent = text;
    progress.classList.toggle("failed", isError);
  }

  function ended(text) {
    tell(text, true);
    bar.hidden = true;
    button.disabled = false;
    window.onbeforeunload = null;
  }

  function megabytes(bytes) {
    return (bytes / 1e6).toFixed(1) + " MB";
  }

  // A screen reader need not read every step; each tenth is enough.
  let toldTenth = -1;
  function moved(event) {
    if (!event.lengthComputable) {
      return;
    }
    bar.max = event.total;
    bar.value = event.loaded;
    const tenth = Math.floor((10 * event.loaded) / event.total);
    if (tenth !== toldTenth) {
      toldTenth = tenth;
      tell(megabytes(event.loaded) + " of " + megabytes(event.total) + " sent", false);
    }
  }

  function problem(request) {
    try {
      const detail = JSON.parse(request.responseText).detail.replaceAll("`", "");
      return detail.charAt(0).toUpperCase() + detail.slice(1) + ".";
    } catch {
      return "The room did not answer as expected (" + request.status + "). Look at the case before you send it again.";
    }
  }

  form.addEventListener("submit", function (event) {
    event.preventDefault();
    const request = new XMLHttpRequest();
    request.upload.addEventListener("progress", moved);
    request.upload.addEventListener("load", function () {
      tell("All bytes are sent. The room is making them durable.", false);
    });
    request.addEventListener("load", function () {
      window.onbeforeunload = null;
      const onward = request.getResponseHeader("Location");
      if (request.status === 201 && onward) {
        tell("Deposited.", false);
        window.location.assign(onward);
      } else if (request.status === 200) {
        // The item is hidden from here on; the answer itself says what it became.
        const page = new DOMParser().parseFromString(request.responseText, "text/html");
        document.title = page.title;
        document.querySelector("main").replaceWith(page.querySelector("main"));
        document.querySelector("main").focus();
      } else {
        ended(problem(request));
      }
    });
    request.addEventListener("error", function () {
      ended("The connection was lost, and the answer with it. Look at the case before you send it again.");
    });
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/problem+json");
    progress.hidden = false;
    bar.hidden = false;
    button.disabled = true;
    toldTenth = -1;
    tell("Sending.", false);
    window.onbeforeunload = function (leaving) {
      leaving.preventDefault();
    };
    request.send(new FormData(form));
  });
})();
