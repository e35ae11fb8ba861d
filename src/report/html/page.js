
"use strict";
(() => {
  const form = document.getElementById("filter");
  const search = document.getElementById("search");
  const seen = document.getElementById("seen");
  const unfold = document.getElementById("unfold");
  const states = [...form.querySelectorAll("input[name=state]")];
  const plain = (node) => node.textContent.toLowerCase();

  // What stands above the addresses of a host, a cluster or hosts that are alike; the names of these; the addresses.
  const parts = [...document.querySelectorAll(".part")].map((node) => {
    const withText = (row) => ({ row, text: plain(row) });
    const own = node.cloneNode(true);
    own.querySelectorAll(".rows, .names").forEach((one) => one.remove());
    const part = {
      node,
      own: plain(own),
      names: [...node.querySelectorAll(".names > li")].map(withText),
      rows: [...node.querySelectorAll(".rows > tbody > tr")].map(withText),
    };
    const joined = (all) => all.map(({ text }) => text).join("\n");
    return Object.assign(part, { ofNames: joined(part.names), ofRows: joined(part.rows) });
  });
  const kind = ({ node }) => node.dataset.kind;
  const total = { hosts: 0, clusters: 0 };
  parts.forEach((part) => { total[kind(part)] += part.names.length || 1; });

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = new Set(states.filter((box) => box.checked).map((box) => box.value));
    const has = (...texts) => words.every((word) => texts.some((text) => text.includes(word)));
    const only = (all, ...around) => all.filter(({ row, text }) => {
      row.hidden = !has(text, ...around);
      return !row.hidden;
    }).length;
    const shown = { hosts: 0, clusters: 0 };
    for (const part of parts) {
      const names = only(part.names, part.own, part.ofRows);
      const rows = only(part.rows, part.own, part.ofNames);
      const fits = part.rows.length > 0 ? rows > 0 : has(part.own, part.ofNames);
      part.node.hidden = !wanted.has(part.node.dataset.state) || !fits || (part.names.length > 0 && names === 0);
      if (!part.node.hidden) {
        shown[kind(part)] += names || 1;
      }
    }
    const counted = [["hosts", "host"], ["clusters", "cluster"]]
      .filter(([what]) => total[what] > 0)
      .map(([what, one]) => `${shown[what]} of ${total[what]} ${total[what] === 1 ? one : what}`);
    seen.textContent = shown.hosts + shown.clusters > 0 ? `${counted.join(" and ")} shown` : "nothing is like that";
  };

  const fold = (open) => {
    for (const one of document.querySelectorAll(".part details")) {
      one.open = open;
    }
    unfold.setAttribute("aria-pressed", String(open));
  };

  // A link to what differs elsewhere leads there, also where that is folded or filtered away.
  const reveal = () => {
    const target = document.getElementById(location.hash.slice(1));
    const part = target?.closest(".part");
    if (!part) {
      return;
    }
    if (part.hidden || target.closest("tr")?.hidden) {
      search.value = "";
      states.forEach((box) => { box.checked = true; });
      filter();
    }
    const folded = target.closest("details");
    if (folded) {
      folded.open = true;
    }
    target.scrollIntoView();
  };

  for (const button of document.querySelectorAll("[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    const said = button.nextElementSibling;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(source.textContent);
        said.textContent = "copied";
      } catch {
        // Not every place that a page is opened from may write there.
        getSelection().selectAllChildren(source);
        said.textContent = "selected: copy it with Ctrl-C";
      }
    });
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  unfold.addEventListener("click", () => fold(unfold.getAttribute("aria-pressed") !== "true"));
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => fold(true));
  unfold.hidden = !document.querySelector(".part details");
  form.hidden = false;
  filter();
  reveal();
})();
