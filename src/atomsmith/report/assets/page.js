"use strict";
// Marks the section being read in the table of contents, and opens folded parts for printing.
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

  let opened = [];
  window.addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.no-print)")];
    for (const fold of opened) fold.open = true;
  });
  window.addEventListener("afterprint", () => { for (const fold of opened) fold.open = false; });
})();
