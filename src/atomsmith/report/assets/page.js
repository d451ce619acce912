"use strict";
// Marks the section being read in the table of contents, and opens folded parts for links and for printing.
(() => {
  const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]));
  const sections = [...document.querySelectorAll("main > section")];
  const mark = () => {
    const atEnd = window.innerHeight + window.scrollY >= document.documentElement.scrollHeight - 4;
    let current = sections[0];
    for (const section of sections) if (section.getBoundingClientRect().top < 0.3 * window.innerHeight) current = section;
    if (atEnd && window.scrollY > 0) current = sections[sections.length - 1];
    for (const [id, link] of links) link.classList.toggle("here", current !== undefined && id === current.id);
  };
  let waiting = false;
  document.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; mark(); });
  }, { passive: true });
  mark();

  // A link into a folded part opens it.
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target === null) return;
    let outside = false;
    for (let at = target; at !== null; at = at.parentElement) {
      if (at.tagName === "DETAILS" && !at.open) { at.open = true; outside = true; }
    }
    if (outside) target.scrollIntoView({ block: "center" });
  };
  window.addEventListener("hashchange", reveal);
  reveal();

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.no-print)")];
    for (const fold of opened) fold.open = true;
  });
  window.addEventListener("afterprint", () => { for (const fold of opened) fold.open = false; });
})();
