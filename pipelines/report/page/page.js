"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const table = document.getElementById("table");
  if (!table) return;
  const AT_ONCE = 200;
  const head = table.tHead.insertRow();
  const body = table.tBodies[0];
  const filter = document.getElementById("filter");
  const count = document.getElementById("count");
  const numeric = data.columns.map((_, i) => data.rows.every((row) => row[i] === null || typeof row[i] === "number"));
  const cells = data.rows.map((row) => row.filter((value) => value !== null).map((value) => String(value).toLowerCase()));
  const whole = new Set(cells.flat());
  // "te" means the language where some row has it, and not every text with these letters in it.
  const has = (row, word) => (whole.has(word) ? row.includes(word) : row.some((text) => text.includes(word)));
  let order = data.rows.map((_, i) => i);
  let drawn = 0;
  let sorted = { column: -1, down: false };

  const element = (name, text, options = {}) => Object.assign(document.createElement(name), { textContent: text }, options);

  data.columns.forEach((name, i) => {
    const cell = element("th", "", { scope: "col", className: numeric[i] ? "number" : "" });
    const button = element("button", name, { type: "button" });
    button.addEventListener("click", () => sort(i));
    // Browsers leave buttons out where a page of paper repeats the head of a table.
    cell.append(button, element("span", name, { className: "on-paper" }));
    head.append(cell);
  });
  head.append(element("th", "runs", { scope: "col", className: "keys" }));

  const query = (i) => {
    const keys = data.runs[i].split(" ").map((key) => `'${key}'`).join(", ");
    return `select run, reader, metric, value, low, high from metrics where left(run, 12) in (${keys}) order by all`;
  };

  const copy = (text, button) => {
    const done = () => { button.textContent = "copied"; };
    if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, () => {});
  };

  const show = (button, i) => {
    const next = button.closest("tr").nextElementSibling;
    if (next && next.dataset.of === String(i)) {
      next.remove();
      button.setAttribute("aria-expanded", "false");
      return;
    }
    const row = document.createElement("tr");
    row.dataset.of = i;
    const cell = element("td", "", { colSpan: data.columns.length + 1 });
    const command = `sdc store sql "${query(i)}"`;
    const button2 = element("button", "copy", { type: "button", className: "copy" });
    button2.addEventListener("click", () => copy(command, button2));
    cell.append(element("pre", command), button2);
    row.append(cell);
    button.closest("tr").after(row);
    button.setAttribute("aria-expanded", "true");
  };

  const more = () => {
    const part = document.createDocumentFragment();
    for (const i of order.slice(drawn, drawn + AT_ONCE)) {
      const row = document.createElement("tr");
      data.rows[i].forEach((value, j) => {
        const cell = element("td", value === null ? "-" : numeric[j] ? value.toFixed(data.decimals[j]) : String(value), { className: numeric[j] ? "number" : "" });
        if (!numeric[j]) cell.dir = "auto";
        row.append(cell);
      });
      const cell = element("td", "", { className: "keys" });
      const runs = data.runs[i] ? data.runs[i].split(" ").length : 0;
      const button = element("button", `${runs} ${runs === 1 ? "run" : "runs"}`, { type: "button" });
      button.setAttribute("aria-expanded", "false");
      button.addEventListener("click", () => show(button, i));
      cell.append(button);
      row.append(cell);
      part.append(row);
    }
    drawn = Math.min(order.length, drawn + AT_ONCE);
    body.append(part);
  };

  const redraw = () => {
    body.textContent = "";
    drawn = 0;
    count.textContent = `${order.length} of ${data.rows.length} rows`;
    more();
  };

  const choose = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    order = data.rows.map((_, i) => i).filter((i) => words.every((word) => has(cells[i], word)));
    if (sorted.column >= 0) arrange();
    redraw();
  };

  const arrange = () => {
    const { column, down } = sorted;
    const compare = (a, b) => (numeric[column] ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));
    order.sort((i, j) => {
      const a = data.rows[i][column];
      const b = data.rows[j][column];
      if (a === null || b === null) return (a === null) - (b === null);
      return down ? compare(b, a) : compare(a, b);
    });
  };

  const sort = (column) => {
    sorted = { column, down: sorted.column === column ? !sorted.down : numeric[column] };
    [...head.cells].forEach((cell, i) => {
      if (i === column) cell.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    arrange();
    redraw();
  };

  filter.addEventListener("input", choose);
  redraw();
  const end = table.closest(".tall");
  end.addEventListener("scroll", () => {
    if (drawn < order.length && end.scrollTop + end.clientHeight > end.scrollHeight - 600) more();
  });
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
    while (drawn < order.length) more();
  });
})();
